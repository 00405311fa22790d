"""Customers as Business Central describes and answers them, for unit tests."""

from typing import Any

from schemas.row import Table, TableColumn

COMPANY = "11111111-1111-1111-1111-111111111111"
ONE = "22222222-2222-2222-2222-222222222222"
TWO = "33333333-3333-3333-3333-333333333333"
RELATED = "contactsInformation[contactType=Company]/contactNumber"

METADATA = """
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Microsoft.NAV">
<EntityType Name="customer"><Key><PropertyRef Name="id"/></Key>
<Property Name="id" Type="Edm.Guid"/><Property Name="displayName" Type="Edm.String"/>
<Property Name="creditLimit" Type="Edm.Decimal"/><Property Name="type" Type="Microsoft.NAV.customerType"/>
<Property Name="currencyId" Type="Edm.Guid"/><Property Name="lastModifiedDateTime" Type="Edm.DateTimeOffset"/>
<NavigationProperty Name="contactsInformation" Type="Collection(Microsoft.NAV.contactInformation)"/>
</EntityType>
<EntityType Name="contactInformation"><Property Name="contactType" Type="Edm.String"/>
<Property Name="contactNumber" Type="Edm.String"/></EntityType>
<EntityContainer Name="NAV"><EntitySet Name="customers" EntityType="Microsoft.NAV.customer"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


def table(*columns: str) -> Table:
    return Table("customers", "api/v2.0", "id", {name: TableColumn(name) for name in columns})


def customer(row_id: str, **values: Any) -> dict[str, Any]:
    return {"@odata.etag": f'W/"{row_id[0]}"', "id": row_id, "lastModifiedDateTime": "2026-11-22T10:00:00.1Z", **values}
