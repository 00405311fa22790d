"""``$metadata``: the entity types of one API root as EDMX."""

from functools import cache
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from systems.sandbox.business_central.columns import Column, Kind, code, guid, text
from systems.sandbox.business_central.pages import PAGES, Page
from systems.sandbox.business_central.presentation import CONTACTS_INFORMATION

_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_COMPANY = (guid("id"), text("name", 30), text("displayName", 250))
_CONTACTS_INFORMATION = (
    guid("contactId"),
    code("contactNumber", 20),
    text("contactName", 100),
    text("contactType", 20),
    guid("relatedId"),
    text("relatedType", 20),
)


@cache
def edmx(root: str) -> bytes:
    """The document for ``root``."""
    document = Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = SubElement(document, f"{{{_EDMX}}}DataServices")
    schema = SubElement(services, f"{{{_EDM}}}Schema", Namespace="Microsoft.NAV")
    pages = [page for page in PAGES if page.root == root]
    company = _entity_type(schema, "company", _COMPANY, "id")
    for page in pages:
        _navigation(company, page.name, page.entity_type)
        _page_type(schema, page)
    if any(page.contacts for page in pages):
        _entity_type(schema, "contactsInformation", _CONTACTS_INFORMATION, "contactId")
    container = SubElement(schema, f"{{{_EDM}}}EntityContainer", Name="NAV")
    for name, entity_type in (("companies", "company"), *((page.name, page.entity_type) for page in pages)):
        SubElement(container, f"{{{_EDM}}}EntitySet", Name=name, EntityType=f"Microsoft.NAV.{entity_type}")
    ET.register_namespace("edmx", _EDMX)
    ET.register_namespace("", _EDM)
    written: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return written


def _page_type(schema: Element, page: Page) -> None:
    element = _entity_type(schema, page.entity_type, tuple(page.columns.values()), "id")
    if page.contacts:
        _navigation(element, CONTACTS_INFORMATION, "contactsInformation")


def _entity_type(schema: Element, name: str, columns: tuple[Column, ...], key: str) -> Element:
    element = SubElement(schema, f"{{{_EDM}}}EntityType", Name=name)
    SubElement(SubElement(element, f"{{{_EDM}}}Key"), f"{{{_EDM}}}PropertyRef", Name=key)
    for column in columns:
        described = SubElement(element, f"{{{_EDM}}}Property", Name=column.name, Type=_type(column))
        if column.length:
            described.set("MaxLength", str(column.length))
        if column.name == key:
            described.set("Nullable", "false")
    return element


def _navigation(element: Element, name: str, entity_type: str) -> None:
    SubElement(
        element, f"{{{_EDM}}}NavigationProperty", Name=name, Type=f"Collection(Microsoft.NAV.{entity_type})"
    ).set("ContainsTarget", "true")


def _type(column: Column) -> str:
    return "Edm.String" if column.kind in (Kind.CODE, Kind.OPTION) else str(column.kind)
