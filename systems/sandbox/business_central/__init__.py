"""Business Central's API v2.0 and its webhooks."""
