"""Microsoft's own tests of its Service Bus client, run against the test broker: ``python -m tests.microsoft``."""
