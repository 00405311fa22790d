"""Azure Service Bus by azure-servicebus."""
