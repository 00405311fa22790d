import pytest

from systems.edm import NotMetadata, read_model

DOCUMENT = b"""<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Microsoft.NAV">
<EnumType Name="kind"><Member Name="A" Value="0"/></EnumType>
<ComplexType Name="address"><Property Name="street" Type="Edm.String"/></ComplexType>
<EntityType Name="base"><Property Name="id" Type="Edm.Guid" Nullable="false"/>
<NavigationProperty Name="owner" Type="Microsoft.NAV.user"/></EntityType>
<EntityType Name="customer" BaseType="Microsoft.NAV.base"><Property Name="name" Type="Edm.String"/>
<NavigationProperty Name="contacts" Type="Collection(Microsoft.NAV.contact)"/></EntityType>
<EntityType Name="orphan" BaseType="Other.unknown"><Property Name="x" Type="Edm.Int32"/></EntityType>
<EntityContainer Name="NAV"><EntitySet Name="customers" EntityType="Microsoft.NAV.customer"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


def test_a_set_has_the_columns_of_its_type_and_of_the_bases_of_that() -> None:
    described = read_model(DOCUMENT).type_of_set("customers")
    assert described is not None
    assert described.columns == {"id": "Edm.Guid", "name": "Edm.String"}
    assert described.navigations == {"owner": "user", "contacts": "contact"}


def test_a_base_described_elsewhere_is_done_without() -> None:
    orphan = read_model(DOCUMENT).type_named("orphan")
    assert orphan is not None
    assert orphan.columns == {"x": "Edm.Int32"}


def test_what_is_not_described_is_not_there() -> None:
    model = read_model(DOCUMENT)
    assert model.type_of_set("vendors") is None
    assert model.type_named("kind") is None


def test_a_document_larger_than_one_piece_is_read_whole() -> None:
    filler = b"".join(
        b'<EntityType Name="t%d"><Property Name="p" Type="Edm.String"/></EntityType>' % n for n in range(2000)
    )
    model = read_model(DOCUMENT.replace(b"<EntityContainer", filler + b"<EntityContainer"))
    assert model.type_named("t1999") is not None
    assert model.type_of_set("customers") is not None


@pytest.mark.parametrize("page", [b"", b"<html><p>Sorry</html>", b"<edmx/>", b'{"error":{}}', DOCUMENT[:900]])
def test_anything_else_is_refused(page: bytes) -> None:
    with pytest.raises(NotMetadata):
        read_model(page)
