"""The organization: its id and its root business unit."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Organization:
    """What surrounds every row."""

    id: str
    name: str
    root_unit: str

    def who_am_i(self, root_url: str, user_id: str) -> dict[str, Any]:
        return {
            "@odata.context": f"{root_url}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            "BusinessUnitId": self.root_unit,
            "UserId": user_id,
            "OrganizationId": self.id,
        }
