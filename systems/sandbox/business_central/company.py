"""The one company of the environment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from systems.sandbox.business_central.columns import wire_time

_NOBODY = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Company:
    """A company: everything else in the environment belongs to one."""

    id: str
    name: str
    created_at: datetime

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "systemVersion": "27.1.40000.0",
            "timestamp": 47_433,
            "name": self.name,
            "displayName": self.name,
            "businessProfileId": "",
            "systemCreatedAt": wire_time(self.created_at),
            "systemCreatedBy": _NOBODY,
            "systemModifiedAt": wire_time(self.created_at),
            "systemModifiedBy": _NOBODY,
        }
