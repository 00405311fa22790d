"""Dataverse's Web API v9.2 and its events."""
