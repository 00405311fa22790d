"""A Service Bus namespace for tests: what Microsoft's clients see of one, on this machine."""
