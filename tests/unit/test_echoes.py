"""What our own writes cause comes to rest, and what users do at the same moment still travels."""

import pytest

from engine.intake import our_tag
from schemas.change_event import ChangeKind
from schemas.mapping import Mapping, Mappings
from schemas.outcomes import Outcome
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Create, Update
from tests.support.hooks import always, at_first, doing
from tests.support.world import BC, DV, WORKER, World
from tests.support.worlds import MAPPINGS, contact_pair, counterpart, customer_pair, new_world


@pytest.mark.parametrize(("system", "writes"), [(BC, [(DV, "account")]), (DV, [(BC, "customers")])])
def test_one_edit_is_one_write(world: World, system: System, writes: list[tuple[System, str]]) -> None:
    customer, account = customer_pair(world)
    world.written.clear()
    if system is BC:
        world.edit(BC, "customers", {"city": "Oslo"}, customer)
    else:
        world.edit(DV, "account", {"address1_city": "Oslo"}, account)
    world.settle()
    assert world.written == writes
    assert world.outcomes[Outcome.MODIFIED] == 1


def test_our_own_write_in_dataverse_is_told_without_reading_a_row(world: World) -> None:
    customer, _ = customer_pair(world)
    reads: list[str] = []
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    always(world, lambda _write: reads.append("read"), system=DV, call=type(None))
    world.settle()
    assert reads == []


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_user_s_edit_in_the_same_instant_as_our_write_still_travels(world: World, moment: Moment) -> None:
    customer, account = customer_pair(world)
    users_edit = doing(lambda: world.dv.edit("account", {"telephone1": "55"}, row_id=account, user="a person"))
    at_first(world, users_edit, system=DV, call=Update, moment=moment)
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle()
    row = world.row(BC, "customers", customer)
    assert (row["city"], row["phoneNumber"]) == ("Oslo", "55")


def test_a_user_s_edit_of_a_row_that_is_just_being_created_still_travels(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})

    def rename(_write: object) -> None:
        (account,) = world.rows(DV, "account")
        world.edit(DV, "account", {"name": "Adatum AS"}, account)

    at_first(world, rename, system=DV, call=Create, moment=Moment.AFTER)
    world.settle()
    assert world.row(BC, "customers", customer)["displayName"] == "Adatum AS"
    assert world.open_operations() == []


def test_a_user_without_a_tag_is_nobody_s_echo_even_if_it_is_the_user_we_write_as(world: World) -> None:
    customer, account = customer_pair(world)
    world.dv.edit("account", {"telephone1": "55"}, row_id=account, user=WORKER)
    world.settle()
    assert world.row(BC, "customers", customer)["phoneNumber"] == "55"


def twice_mapped() -> Mappings:
    """Contacts of Dataverse that are persons in Business Central, and salespeople too."""
    second = Mapping.model_validate(
        {
            "name": "SELLER",
            "only_coupled": False,
            "business_central": {"table": "sellers"},
            "dataverse": {"table": "contact", "set": "contacts", "key": "contactid"},
            "match": ["displayName"],
            "columns": ["displayName <-> fullname"],
        }
    )
    return Mappings(mappings=(*MAPPINGS.mappings, second))


def test_a_write_through_one_mapping_is_news_to_another_mapping_of_the_table() -> None:
    with new_world(twice_mapped()) as world:
        contact = world.edit(DV, "contact", {"fullname": "Ann"})
        world.settle()
        person, seller = counterpart(world, "CONTACT", contact), counterpart(world, "SELLER", contact)
        world.edit(BC, "contacts", {"displayName": "Ann B."}, person)
        world.settle()
        assert world.row(BC, "sellers", seller)["displayName"] == "Ann B."
        assert world.open_operations() == []


def test_an_echo_that_comes_again_and_again_says_nothing(world: World) -> None:
    _, contact = contact_pair(world)
    for _ in range(3):
        world.pending.append(
            world._event(DV, "contact", contact, kind=ChangeKind.MODIFIED, tag=our_tag("CONTACT", "x"))
        )
    world.settle()
    assert set(world.outcomes) == {Outcome.UNCHANGED}
