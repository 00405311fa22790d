"""``$metadata``: the tables as EDMX."""

from functools import cache
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.tables import TABLES, TableDefinition

_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_TYPES = {Kind.MONEY: "Edm.Decimal", Kind.CHOICE: "Edm.Int32", Kind.LOOKUP: "Edm.Guid"}


@cache
def edmx() -> bytes:
    """The document."""
    document = Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = SubElement(document, f"{{{_EDMX}}}DataServices")
    schema = SubElement(services, f"{{{_EDM}}}Schema", Namespace="Microsoft.Dynamics.CRM", Alias="mscrm")
    for table in TABLES.values():
        _table(schema, table)
    container = SubElement(schema, f"{{{_EDM}}}EntityContainer", Name="System")
    for table in TABLES.values():
        entity_set = SubElement(
            container, f"{{{_EDM}}}EntitySet", Name=table.set_name, EntityType=f"Microsoft.Dynamics.CRM.{table.name}"
        )
        for navigation, (_, target) in table.by_navigation.items():
            set_name = TABLES[target.table].set_name
            SubElement(entity_set, f"{{{_EDM}}}NavigationPropertyBinding", Path=navigation, Target=set_name)
    ET.register_namespace("edmx", _EDMX)
    ET.register_namespace("", _EDM)
    written: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return written


def _table(schema: Element, table: TableDefinition) -> None:
    element = SubElement(schema, f"{{{_EDM}}}EntityType", Name=table.name)
    SubElement(SubElement(element, f"{{{_EDM}}}Key"), f"{{{_EDM}}}PropertyRef", Name=table.key)
    for column in table.columns:
        described = SubElement(element, f"{{{_EDM}}}Property", Name=column.wire_name, Type=_type(column))
        if column.length:
            described.set("MaxLength", str(column.length))
    for navigation, (column, target) in table.by_navigation.items():
        many = len({known.table for known in column.targets if known.navigation == navigation}) > 1
        type_name = "principal" if many else target.table
        navigable = SubElement(
            element, f"{{{_EDM}}}NavigationProperty", Name=navigation, Type=f"mscrm.{type_name}", Nullable="true"
        )
        SubElement(
            navigable,
            f"{{{_EDM}}}ReferentialConstraint",
            Property=column.wire_name,
            ReferencedProperty=TABLES[target.table].key if not many else "ownerid",
        )


def _type(column: Column) -> str:
    return _TYPES.get(column.kind, str(column.kind))
