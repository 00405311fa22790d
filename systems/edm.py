"""Reading ``$metadata``: which tables a system has, with which columns of which type.

The document of a large environment is tens of megabytes, so it is read as a stream of elements that are forgotten once
read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

_CHUNK = 1 << 16


class NotMetadata(ValueError):
    """The bytes are not an EDMX document."""


@dataclass(frozen=True, slots=True)
class EntityType:
    """One row's shape: columns with their type (``Edm.String``), and navigations with the type they lead to."""

    columns: Mapping[str, str]
    navigations: Mapping[str, str]
    base: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """The tables of a service: entity types by unqualified name, and the type name of each entity set."""

    types: Mapping[str, EntityType]
    sets: Mapping[str, str]

    def type_of_set(self, name: str) -> EntityType | None:
        """The type of the rows of an entity set, inherited columns included."""
        return self.type_named(self.sets.get(name, ""))

    def type_named(self, name: str) -> EntityType | None:
        """The entity type of this name, inherited columns included."""
        own = self.types.get(name)
        if own is None or own.base is None:
            return own
        base = self.type_named(own.base)
        if base is None:
            return own
        return EntityType({**base.columns, **own.columns}, {**base.navigations, **own.navigations}, None)


def read_model(document: bytes) -> Model:
    """The model in an EDMX document (OData CSDL 4.0 XML).

    Raises:
        NotMetadata: the document is not XML, or describes no entity type.
    """
    parser: XMLPullParser[Element] = XMLPullParser(("end",))
    types: dict[str, EntityType] = {}
    sets: dict[str, str] = {}
    try:
        for start in range(0, len(document), _CHUNK):
            parser.feed(document[start : start + _CHUNK])
            for element in _ended(parser):
                match _local(element.tag):
                    case "EntityType":
                        types[element.get("Name", "")] = _entity_type(element)
                        element.clear()
                    case "EntitySet":
                        sets[element.get("Name", "")] = _unqualified(element.get("EntityType", ""))
                    case "ComplexType" | "EnumType" | "Annotations" | "Action" | "Function":
                        element.clear()
        parser.close()
    except ParseError as error:
        raise NotMetadata(f"not XML: {error}") from error
    if not types:
        raise NotMetadata("no entity type in it")
    return Model(types, sets)


def _ended(parser: "XMLPullParser[Element]") -> Iterator[Element]:
    for event in parser.read_events():
        element = event[-1]
        if isinstance(element, Element):
            yield element


def _entity_type(element: Element) -> EntityType:
    columns: dict[str, str] = {}
    navigations: dict[str, str] = {}
    for child in element:
        match _local(child.tag):
            case "Property":
                columns[child.get("Name", "")] = child.get("Type", "")
            case "NavigationProperty":
                target = child.get("Type", "").removeprefix("Collection(").removesuffix(")")
                navigations[child.get("Name", "")] = _unqualified(target)
    base = element.get("BaseType")
    return EntityType(columns, navigations, _unqualified(base) if base else None)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _unqualified(name: str) -> str:
    return name.rpartition(".")[2]
