"""What the Service Bus test broker promises to Microsoft's clients."""
