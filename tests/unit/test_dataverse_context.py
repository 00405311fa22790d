"""Dataverse's contexts: which records each message changes, whatever members are missing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.dataverse_context import changes, is_context
from schemas.errors import DeadLetter
from schemas.system import System
from tests.support.notifications import (
    ACCOUNT,
    NO_GUID,
    OTHER_ACCOUNT,
    USER,
    context,
    entity,
    parameters,
    reference,
    typed,
)

FIXTURE = Path(__file__).parent / "fixtures" / "dataverse_context.json"
OPERATION_TIME = datetime(2026, 3, 5, 6, 7, 8, 123000, tzinfo=UTC)


def events(document: dict[str, Any]) -> list[ChangeEvent]:
    return [change.event for change in changes(document)]


def records(document: dict[str, Any]) -> list[tuple[str, str | None, ChangeKind]]:
    return [(event.table, event.record_id, event.kind) for event in events(document)]


def without(document: dict[str, Any], *members: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in members}


def nowhere(message: str, **members: Any) -> dict[str, Any]:
    """A context that names no primary record."""
    return context(message, PrimaryEntityName="none", PrimaryEntityId=NO_GUID, InputParameters=[]) | members


def test_an_update_becomes_an_event_of_its_record() -> None:
    [event] = events(context())
    assert (event.system, event.table, event.record_id) == (System.DATAVERSE, "account", ACCOUNT)
    assert (event.kind, event.time, event.actor) == (ChangeKind.MODIFIED, OPERATION_TIME, USER)
    assert (event.origin, event.company, event.since) == (None, None, None)


def test_a_context_as_it_comes_over_the_wire_is_read() -> None:
    [event] = events(json_codec.decode(FIXTURE.read_bytes()))
    assert (event.table, event.record_id) == ("fab_shipment", "0b6c2d1e-4f58-4a39-b7c0-9d8e7f6a5b41")
    assert event.actor == "2d8e4f3a-6b7a-4c57-9de2-bfa09b8c7d63"


@pytest.mark.parametrize("message", ["Create", "Update", "Upsert"])
def test_messages_with_a_row_modify_it_and_carry_its_columns(message: str) -> None:
    [change] = changes(context(message))
    assert (change.event.record_id, change.event.kind) == (ACCOUNT, ChangeKind.MODIFIED)
    assert change.entity is not None


def test_a_deletion_names_its_record_by_reference() -> None:
    document = context("Delete", InputParameters=parameters(Target=reference("account", ACCOUNT)))
    assert records(document) == [("account", ACCOUNT, ChangeKind.DELETED)]


def test_an_assignment_modifies_the_record_and_not_its_new_owner() -> None:
    given = parameters(Assignee=reference("systemuser", USER), Target=reference("account", ACCOUNT))
    assert records(nowhere("Assign", InputParameters=given)) == [("account", ACCOUNT, ChangeKind.MODIFIED)]


@pytest.mark.parametrize("message", ["SetState", "SetStateDynamicEntity"])
def test_a_state_change_names_its_record_by_moniker(message: str) -> None:
    given = parameters(EntityMoniker=reference("account", ACCOUNT), State=typed("OptionSetValue", Value=1))
    assert records(nowhere(message, InputParameters=given)) == [("account", ACCOUNT, ChangeKind.MODIFIED)]


@pytest.mark.parametrize("message", ["Associate", "Disassociate"])
def test_an_association_touches_both_of_its_sides(message: str) -> None:
    given = parameters(
        Target=reference("account", ACCOUNT),
        Relationship=typed("Relationship", SchemaName="contact_customer_accounts"),
        RelatedEntities=[reference("contact", USER)],
    )
    assert records(nowhere(message, InputParameters=given)) == [
        ("account", ACCOUNT, ChangeKind.MODIFIED),
        ("contact", USER, ChangeKind.MODIFIED),
    ]


@pytest.mark.parametrize("subordinate", [OTHER_ACCOUNT, {"__type": "Guid:#System", "__value": OTHER_ACCOUNT}])
def test_a_merge_modifies_the_master_and_the_subordinate_that_it_deactivates(subordinate: object) -> None:
    given = parameters(SubordinateId=subordinate, Target=reference("account", ACCOUNT), UpdateContent=None)
    assert records(context("Merge", InputParameters=given)) == [
        ("account", ACCOUNT, ChangeKind.MODIFIED),
        ("account", OTHER_ACCOUNT, ChangeKind.MODIFIED),
    ]


def test_a_merge_that_does_not_name_its_subordinate_calls_for_a_sweep_of_the_table() -> None:
    assert records(without(context("Merge"), "InputParameters")) == [
        ("account", ACCOUNT, ChangeKind.MODIFIED),
        ("account", None, ChangeKind.COLLECTION),
    ]


@pytest.mark.parametrize(
    ("message", "activity", "column", "table"),
    [
        ("Close", "IncidentResolution", "incidentid", "incident"),
        ("Win", "OpportunityClose", "opportunityid", "opportunity"),
        ("Lose", "OpportunityClose", "opportunityid", "opportunity"),
        ("Win", "QuoteClose", "quoteid", "quote"),
        ("Close", "QuoteClose", "quoteid", "quote"),
        ("Fulfill", "OrderClose", "salesorderid", "salesorder"),
    ],
)
def test_a_closing_modifies_the_record_that_its_activity_names(
    message: str, activity: str, column: str, table: str
) -> None:
    by_reference = parameters(**{activity: entity(activity.lower(), NO_GUID, **{column: reference(table, ACCOUNT)})})
    by_guid = parameters(**{activity: entity(activity.lower(), NO_GUID, **{column: ACCOUNT})})
    for given in (by_reference, by_guid):
        assert records(nowhere(message, InputParameters=given)) == [(table, ACCOUNT, ChangeKind.MODIFIED)]


def test_a_qualified_lead_is_modified() -> None:
    given = parameters(LeadId=reference("lead", ACCOUNT), CreateAccount=True)
    assert records(nowhere("QualifyLead", InputParameters=given)) == [("lead", ACCOUNT, ChangeKind.MODIFIED)]


def test_each_row_of_a_multiple_message_has_an_event_of_its_own() -> None:
    rows = [entity("account", ACCOUNT, name="A"), entity("account", OTHER_ACCOUNT, name="B")]
    document = nowhere(
        "UpdateMultiple",
        InputParameters=parameters(Targets=typed("EntityCollection", Entities=rows, EntityName="account")),
    )
    found = changes(document)
    assert [change.event.record_id for change in found] == [ACCOUNT, OTHER_ACCOUNT]
    assert [change.entity for change in found] == rows
    assert found[0].event.id != found[1].event.id


def test_a_row_named_twice_has_one_event_with_the_columns_of_the_first() -> None:
    rows = [entity("account", ACCOUNT, name="A"), entity("account", ACCOUNT, name="B")]
    [change] = changes(nowhere("UpdateMultiple", InputParameters=parameters(Targets={"Entities": rows})))
    assert change.entity == rows[0]


def test_rows_created_together_get_their_ids_from_the_answer() -> None:
    rows = [{"Attributes": []}, {"Attributes": [], "LogicalName": "account", "Id": NO_GUID}]
    document = nowhere(
        "CreateMultiple",
        InputParameters=parameters(Targets={"EntityName": "account", "Entities": rows}),
        OutputParameters=parameters(Ids=[ACCOUNT, OTHER_ACCOUNT]),
    )
    assert [table_and_id[:2] for table_and_id in records(document)] == [
        ("account", ACCOUNT),
        ("account", OTHER_ACCOUNT),
    ]


def test_rows_deleted_together_are_a_bare_list_of_references() -> None:
    given = parameters(Targets=[reference("account", ACCOUNT), reference("account", OTHER_ACCOUNT)])
    assert records(nowhere("DeleteMultiple", InputParameters=given)) == [
        ("account", ACCOUNT, ChangeKind.DELETED),
        ("account", OTHER_ACCOUNT, ChangeKind.DELETED),
    ]


def test_a_multiple_message_that_lost_its_rows_calls_for_a_sweep_of_the_table() -> None:
    document = without(context("UpdateMultiple", PrimaryEntityId=NO_GUID), "InputParameters")
    assert records(document) == [("account", None, ChangeKind.COLLECTION)]
    assert events(document)[0].since is None


def test_a_message_too_large_for_its_parameters_still_names_its_record() -> None:
    document = without(context(), "InputParameters", "ParentContext", "OutputParameters", "SharedVariables")
    [change] = changes(document)
    assert (change.event.record_id, change.entity) == (ACCOUNT, None)


@pytest.mark.parametrize("lost", ["__type", "Id", "LogicalName"])
def test_a_target_may_lack_any_of_its_members(lost: str) -> None:
    target = without(entity("account", ACCOUNT, name="A"), lost)
    assert records(context(InputParameters=parameters(Target=target))) == [("account", ACCOUNT, ChangeKind.MODIFIED)]


def test_a_new_row_may_get_its_id_from_the_answer() -> None:
    document = nowhere(
        "Create",
        InputParameters=parameters(Target=entity("account", NO_GUID)),
        OutputParameters=parameters(id=ACCOUNT),
    )
    assert records(document) == [("account", ACCOUNT, ChangeKind.MODIFIED)]


def test_the_spelling_of_a_table_is_the_senders() -> None:
    given = parameters(Target=entity("CustCustomerV3Entity", ACCOUNT))
    assert events(context(InputParameters=given))[0].table == "CustCustomerV3Entity"


def test_an_unknown_message_modifies_the_record_that_the_context_names() -> None:
    assert records(context("fab_Approve")) == [("account", ACCOUNT, ChangeKind.MODIFIED)]


def test_no_record_is_guessed_from_the_parameters_of_an_unknown_message() -> None:
    given = parameters(Target=reference("account", ACCOUNT), fab_Account=reference("account", ACCOUNT))
    with pytest.raises(DeadLetter, match="fab_Approve names no record") as error:
        changes(nowhere("fab_Approve", InputParameters=given))
    assert error.value.code == "no_record"


@pytest.mark.parametrize("message", ["Update", "Close", "UpdateMultiple", "Merge", "SetState"])
def test_a_known_message_without_any_record_is_refused(message: str) -> None:
    with pytest.raises(DeadLetter) as error:
        changes(nowhere(message))
    assert error.value.code == "no_record"


@pytest.mark.parametrize("member", ["InputParameters", "OutputParameters"])
def test_another_tools_rendering_of_a_context_is_refused(member: str) -> None:
    with pytest.raises(DeadLetter, match="another tool") as error:
        changes(context() | {member: {"Target": {"LogicalName": "account", "EntityId": ACCOUNT}}})
    assert error.value.code == "foreign_context"


@pytest.mark.parametrize("message", [None, "", 7])
def test_a_context_without_its_message_is_refused(message: object) -> None:
    with pytest.raises(DeadLetter) as error:
        changes(context() | {"MessageName": message})
    assert error.value.code == "incomplete_context"


@pytest.mark.parametrize(
    "created_on", ["/Date(1772690828123)/", "/Date(1772690828123+0000)/", "/Date(1772716028123-0700)/"]
)
def test_the_offset_of_the_operation_time_is_added_to_its_milliseconds(created_on: str) -> None:
    assert events(context(OperationCreatedOn=created_on))[0].time == OPERATION_TIME


def test_the_operation_time_may_be_iso_8601() -> None:
    assert events(context(OperationCreatedOn="2026-03-05T06:07:08.123Z"))[0].time == OPERATION_TIME


def test_without_an_operation_time_the_next_best_one_counts() -> None:
    timeless = without(context(), "OperationCreatedOn")
    modified = parameters(Target=entity("account", ACCOUNT, modifiedon="/Date(1772690828123+0200)/"))
    assert events(timeless | {"EventTime": "/Date(1772690828123)/"})[0].time == OPERATION_TIME
    assert events(timeless | {"InputParameters": modified})[0].time == OPERATION_TIME
    [change] = changes(timeless, received=OPERATION_TIME + timedelta(days=1))
    assert change.event.time == OPERATION_TIME + timedelta(days=1)
    with pytest.raises(DeadLetter, match="OperationCreatedOn"):
        changes(timeless)


def test_the_tag_counts_only_in_the_context_of_the_change_itself() -> None:
    parent = {"SharedVariables": parameters(tag="parent"), "ParentContext": None}
    assert events(context(ParentContext=parent))[0].origin is None
    assert events(context(ParentContext=parent, SharedVariables=parameters(tag="own")))[0].origin == "own"


@pytest.mark.parametrize("user", [NO_GUID, None, "nobody"])
def test_no_user_is_nobody(user: str | None) -> None:
    assert events(context(InitiatingUserId=user))[0].actor is None


def test_the_same_job_posted_again_has_the_same_id() -> None:
    reordered = dict(reversed(context(CorrelationId=NO_GUID).items()))
    assert events(reordered)[0].id == events(context())[0].id


@pytest.mark.parametrize(
    "change",
    [
        {"OperationId": ACCOUNT},
        {"MessageName": "Delete"},
        {"InputParameters": parameters(Target=entity("account", OTHER_ACCOUNT))},
        {"OperationCreatedOn": "/Date(1772690828124)/"},
    ],
)
def test_another_change_has_another_id(change: dict[str, Any]) -> None:
    assert events(context() | change)[0].id != events(context())[0].id


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (context(), True),
        ({"InputParameters": []}, True),
        ({"MessageName": "Update"}, True),
        ({"value": []}, False),
        ({"error": {"code": "0x80060882"}}, False),
        (["MessageName"], False),
        ("MessageName", False),
    ],
)
def test_a_context_is_told_by_its_members(document: object, expected: bool) -> None:
    assert is_context(document) is expected
