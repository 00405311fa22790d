"""What is ended after reading the source row, and what is looked at more closely though nothing seems changed."""

from engine.plan import Plans
from schemas.mapping import Mapping, Mappings, UpdateConflict
from schemas.outcomes import Outcome
from tests.support.world import BC, DV, World
from tests.support.worlds import changed, customer_pair, new_world

WHOLE = changed({"update_conflict": UpdateConflict.BUSINESS_CENTRAL})


def without_column(name: str) -> Mappings:
    """The mappings, CUSTOMER without one column."""

    def shortened(mapping: Mapping) -> Mapping:
        columns = tuple(column for column in mapping.columns if column.name != name)
        return mapping.model_copy(update={"columns": columns}) if mapping.name == "CUSTOMER" else mapping

    return Mappings(mappings=tuple(shortened(mapping) for mapping in WHOLE.mappings))


def test_a_column_that_was_added_to_the_mapping_is_filled_the_next_time_the_row_is_looked_at() -> None:
    with new_world(without_column("city")) as world:
        customer, account = customer_pair(world, city="Rome")
        assert "address1_city" not in world.row(DV, "account", account)
        world.plans = Plans(WHOLE)
        world.restart()
        world.notify(BC, "customers", customer)
        world.settle()
        assert world.row(DV, "account", account)["address1_city"] == "Rome"


def test_a_row_with_its_recorded_version_costs_no_read_of_the_other_side(world: World) -> None:
    customer, _ = customer_pair(world, city="Rome")
    world.notify(BC, "customers", customer)
    world.settle()
    assert world.outcomes == {Outcome.UNCHANGED: 1}
