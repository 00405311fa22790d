"""Match-based coupling: what is there already is coupled, not created again."""

from typing import Any

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.errors import OutcomeUnknown
from schemas.mapping import DeletionConflict, Mappings, MatchCriterion, UpdateConflict
from schemas.outcomes import Outcome
from systems.in_process import Moment
from systems.interface import Update
from tests.support.hooks import at_first, crash_at, failing
from tests.support.world import BC, DV, World
from tests.support.worlds import changed, counterpart, new_world, only_entry


def matching(*criteria: MatchCriterion, **more: Any) -> Mappings:
    return changed(CUSTOMER={"match": criteria, **more})


BY_PHONE = MatchCriterion(columns=("phoneNumber",))
BY_NAME_AND_CITY = MatchCriterion(columns=("displayName", "city"))


def account(world: World, **values: Any) -> str:
    """An account that was there before the engine was."""
    row = world.edit(DV, "account", {"customertypecode": 3, **values})
    world.pending.clear()
    return row


def customer(world: World, **values: Any) -> str:
    row = world.edit(BC, "customers", values)
    world.settle()
    return row


def test_one_match_is_coupled() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="55")
        here = customer(world, displayName="Adatum", phoneNumber="55")
        assert counterpart(world, "CUSTOMER", here) == there
        assert world.outcomes == {Outcome.COUPLED: 1}
        assert len(world.rows(DV, "account")) == 1


def test_no_match_is_created() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="66")
        here = customer(world, displayName="Adatum", phoneNumber="55")
        assert counterpart(world, "CUSTOMER", here) != there


def test_several_matches_are_parked_with_the_candidates_and_never_guessed_between() -> None:
    with new_world(matching(BY_PHONE)) as world:
        candidates = {account(world, name=name, telephone1="55") for name in ("Adatum", "Fabrikam")}
        customer(world, displayName="Adatum", phoneNumber="55")
        entry = only_entry(world)
        assert (entry.status, entry.code) == (OpenStatus.PARKED, "ambiguous_match")
        assert {candidate["id"] for candidate in entry.detail["candidates"]} == candidates
        assert world.couplings("CUSTOMER") == []
        assert len(world.rows(DV, "account")) == 2


def test_once_the_candidates_differ_the_right_one_is_coupled() -> None:
    with new_world(matching(BY_PHONE)) as world:
        one, other = (account(world, name=name, telephone1="55") for name in ("Adatum", "Fabrikam"))
        here = customer(world, displayName="Adatum", phoneNumber="55")
        world.dv.edit("account", {"telephone1": "66"}, row_id=other, user="a person")
        world.pending.clear()
        world.pass_time(3600)
        assert counterpart(world, "CUSTOMER", here) == one
        assert world.open_operations() == []


def test_a_row_that_is_coupled_already_is_no_candidate() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="55")
        first = customer(world, displayName="Adatum", phoneNumber="55")
        second = customer(world, displayName="Adatum", phoneNumber="55")
        assert counterpart(world, "CUSTOMER", first) == there
        assert counterpart(world, "CUSTOMER", second) != there


def test_of_two_records_of_a_batch_that_match_the_same_row_one_takes_it() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="55")
        rows = [world.edit(BC, "customers", {"displayName": "Adatum", "phoneNumber": "55"}) for _ in range(2)]
        world.settle()
        assert there in {counterpart(world, "CUSTOMER", row) for row in rows}
        assert len(world.couplings("CUSTOMER")) == len(world.rows(DV, "account")) == 2


def test_a_row_outside_the_filter_is_no_candidate() -> None:
    with new_world(matching(BY_PHONE)) as world:
        vendor = account(world, name="Adatum", telephone1="55", customertypecode=11)
        here = customer(world, displayName="Adatum", phoneNumber="55")
        assert counterpart(world, "CUSTOMER", here) != vendor


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_case_counts_where_the_criterion_says_so(case_sensitive: bool) -> None:
    criterion = MatchCriterion(columns=("displayName",), case_sensitive=case_sensitive)
    with new_world(matching(criterion, update_conflict=UpdateConflict.BUSINESS_CENTRAL)) as world:
        there = account(world, name="ADATUM")
        here = customer(world, displayName="Adatum")
        assert (counterpart(world, "CUSTOMER", here) == there) is not case_sensitive
        assert world.row(DV, "account", counterpart(world, "CUSTOMER", here))["name"] == "Adatum"


def test_criteria_are_tried_in_order_and_one_that_is_not_filled_is_passed_over() -> None:
    with new_world(matching(BY_PHONE, BY_NAME_AND_CITY)) as world:
        by_phone = account(world, name="A", telephone1="55")
        by_name = account(world, name="Adatum", address1_city="Oslo")
        without_phone = customer(world, displayName="Adatum", city="Oslo")
        assert counterpart(world, "CUSTOMER", without_phone) == by_name
        half_filled = customer(world, displayName="Adatum")
        assert counterpart(world, "CUSTOMER", half_filled) not in (by_name, by_phone)


def test_rows_of_dataverse_are_matched_too() -> None:
    with new_world(matching(BY_PHONE)) as world:
        here = world.edit(BC, "customers", {"displayName": "Adatum", "phoneNumber": "55"})
        world.pending.clear()
        there = world.edit(DV, "account", {"customertypecode": 3, "name": "Adatum", "telephone1": "55"})
        world.settle()
        assert counterpart(world, "CUSTOMER", there) == here
        assert len(world.rows(BC, "customers")) == 1


@pytest.mark.parametrize(
    ("policy", "city"), [(UpdateConflict.BUSINESS_CENTRAL, "Oslo"), (UpdateConflict.DATAVERSE, "Bern")]
)
def test_the_policy_picks_the_side_of_the_first_synchronization(policy: UpdateConflict, city: str) -> None:
    with new_world(matching(BY_PHONE, update_conflict=policy)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")
        here = customer(world, displayName="Adatum", phoneNumber="55", city="Oslo")
        assert world.row(DV, "account", there)["address1_city"] == city
        assert world.row(BC, "customers", here)["city"] == city
        assert world.open_operations() == []


def test_a_match_that_differs_is_coupled_and_shown_where_a_person_is_to_decide() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")
        here = customer(world, displayName="Adatum", phoneNumber="55", city="Oslo")
        entry = only_entry(world)
        assert entry.status is OpenStatus.CONFLICT
        assert entry.detail == [{"column": "city", "base": None, "source": "Oslo", "destination": "Bern"}]
        assert counterpart(world, "CUSTOMER", here) == there
        world.edit(DV, "account", {"address1_city": "Oslo"}, there)
        world.settle()
        assert world.open_operations() == []


def test_children_of_a_match_in_conflict_need_not_wait() -> None:
    with new_world(matching(BY_PHONE)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")
        here = customer(world, displayName="Adatum", phoneNumber="55", city="Oslo")
        number = world.row(BC, "customers", here)["contactNumber"]
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.settle()
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] == there


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_crash_while_a_match_is_written_leaves_one_pair(moment: Moment) -> None:
    with new_world(matching(BY_PHONE, update_conflict=UpdateConflict.BUSINESS_CENTRAL)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")
        here = world.edit(BC, "customers", {"displayName": "Adatum", "phoneNumber": "55", "city": "Oslo"})
        crash_at(world, system=DV, call=Update, moment=moment)
        assert counterpart(world, "CUSTOMER", here) == there
        assert world.row(DV, "account", there)["address1_city"] == "Oslo"
        assert len(world.rows(DV, "account")) == 1


def test_a_lost_answer_to_a_match_s_first_write_leaves_one_pair() -> None:
    with new_world(matching(BY_PHONE, update_conflict=UpdateConflict.BUSINESS_CENTRAL)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")
        at_first(world, failing(OutcomeUnknown("lost")), system=DV, call=Update, moment=Moment.AFTER)
        here = customer(world, displayName="Adatum", phoneNumber="55", city="Oslo")
        assert counterpart(world, "CUSTOMER", here) == there
        assert len(world.rows(DV, "account")) == 1


def test_a_match_that_is_deleted_at_that_moment_goes_by_the_policy_for_deletions() -> None:
    policies = {"update_conflict": UpdateConflict.BUSINESS_CENTRAL, "deletion_conflict": DeletionConflict.RESTORE}
    with new_world(matching(BY_PHONE, **policies)) as world:
        there = account(world, name="Adatum", telephone1="55", address1_city="Bern")

        def deleted(_write: object) -> None:
            world.remove(DV, "account", there)

        at_first(world, deleted, system=DV, call=Update)
        here = customer(world, displayName="Adatum", phoneNumber="55", city="Oslo")
        assert counterpart(world, "CUSTOMER", here) != there
        assert world.open_operations() == []
