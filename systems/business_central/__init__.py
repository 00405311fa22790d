"""Business Central over its web API."""

from systems.business_central.adapter import BusinessCentral

__all__ = ["BusinessCentral"]
