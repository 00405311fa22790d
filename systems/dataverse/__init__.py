"""Dataverse over its Web API."""

from systems.dataverse.adapter import Dataverse

__all__ = ["Dataverse"]
