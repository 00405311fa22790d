from typing import Any

import httpx2
import pytest

from schemas.errors import OutcomeUnknown, Reread, RereadReason, Retry, Skip, Stop
from systems.dataverse import Dataverse
from systems.interface import Create, Delete, Refused, Update, Write, Written
from tests.support.dataverse import PAYMENT_TERMS
from tests.support.web_service import Tokens, WebService, error_reply, json_of, json_reply

ROOT = "/api/data/v9.2"


@pytest.fixture
def service() -> WebService:
    return WebService()


@pytest.fixture
def system(service: WebService) -> Dataverse:
    return Dataverse("https://contoso.crm4.test", [Tokens()], transport=service.transport)


def label(text: str, language: int = 1044) -> dict[str, Any]:
    localized = {"Label": text, "LanguageCode": language, "IsManaged": False}
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def options(**by_number: str) -> httpx2.Response:
    present = [{"Value": int(number[1:]), "Label": label(text)} for number, text in by_number.items()]
    return json_reply({"LogicalName": "paymenttermscode", "OptionSet": {"IsGlobal": False, "Options": present}})


def test_options_are_rows(service: WebService, system: Dataverse) -> None:
    service.reply(options(_1="Net 30", _2="Net 45"), options(_1="Net 30"))
    assert {row.id: row.values for row in system.scan(PAYMENT_TERMS, since=None, cursor=None, page_size=1).rows} == {
        "1": {"label": "Net 30"},
        "2": {"label": "Net 45"},
    }
    assert list(system.read(PAYMENT_TERMS, ["1", "7"])) == ["1"]
    path = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='paymenttermscode')"
    assert service.last.url.path == f"{ROOT}/{path}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"


def test_options_are_found_by_label_ignoring_case(service: WebService, system: Dataverse) -> None:
    service.reply(options(_1="Net 30", _2="NET 45"))
    found = system.find(PAYMENT_TERMS, [{"label": "net 45"}, {"label": "net"}])
    assert [[row.id for row in rows] for rows in found] == [["2"], []]


def test_options_are_written_one_by_one_in_the_users_language_and_published_once(
    service: WebService, system: Dataverse
) -> None:
    service.reply(options(_1="Net 30", _2="Net 45"), json_reply({"NewOptionValue": 100_000_001}))
    service.reply(*(httpx2.Response(204) for _ in range(3)))
    writes: list[Write] = [Create(None, {"label": "Net 60"}), Update("1", "", {"label": "Netto 30"}), Delete("2", "")]
    created, updated, deleted = system.write(PAYMENT_TERMS, writes, tag="t")
    assert isinstance(created, Written)
    assert created.row is not None
    assert (created.row.id, created.row.version, created.row.values) == ("100000001", "", {"label": "Net 60"})
    assert isinstance(updated, Written)
    assert deleted == Written(None)
    _, insert, update, delete, publish = service.requests
    column = {"EntityLogicalName": "account", "AttributeLogicalName": "paymenttermscode"}
    text = {"LocalizedLabels": [{"Label": "Net 60", "LanguageCode": 1044}]}
    assert (insert.url.path, json_of(insert)) == (f"{ROOT}/InsertOptionValue", {**column, "Label": text})
    assert update.url.path == f"{ROOT}/UpdateOptionValue"
    assert json_of(update)["Value"] == 1
    assert (delete.url.path, json_of(delete)) == (f"{ROOT}/DeleteOptionValue", {**column, "Value": 2})
    assert publish.url.path == f"{ROOT}/PublishXml"
    assert "<entity>account</entity>" in json_of(publish)["ParameterXml"]


def test_an_option_that_is_gone_is_said_to_be_gone_and_nothing_is_published(
    service: WebService, system: Dataverse
) -> None:
    service.reply(options())
    result = system.write(PAYMENT_TERMS, [Update("1", "", {"label": "x"})], tag="t")[0]
    assert isinstance(result, Refused)
    assert isinstance(result.error, Reread)
    assert result.error.reason is RereadReason.GONE
    assert len(service.requests) == 1


def test_a_refused_option_does_not_stop_the_next(service: WebService, system: Dataverse) -> None:
    service.reply(options(), error_reply(400, "0x80048403"), json_reply({"NewOptionValue": 5}), httpx2.Response(204))
    first, second = system.write(PAYMENT_TERMS, [Create(None, {"label": "x"})] * 2, tag="t")
    assert isinstance(first, Refused)
    assert isinstance(first.error, Skip)
    assert isinstance(second, Written)


def test_a_lost_answer_leaves_the_option_unknown_and_the_rest_unsent(service: WebService, system: Dataverse) -> None:
    service.reply(options(), httpx2.ReadTimeout("late"))
    first, second = system.write(PAYMENT_TERMS, [Create(None, {"label": "x"})] * 2, tag="t")
    assert isinstance(first, Refused)
    assert isinstance(first.error, OutcomeUnknown)
    assert isinstance(second, Refused)
    assert type(second.error) is Retry


def test_options_that_were_not_published_are_to_be_looked_for(service: WebService, system: Dataverse) -> None:
    service.reply(options(), json_reply({"NewOptionValue": 5}), error_reply(429, "0x80072322"))
    result = system.write(PAYMENT_TERMS, [Create(None, {"label": "x"})], tag="t")[0]
    assert isinstance(result, Refused)
    assert isinstance(result.error, OutcomeUnknown)


def test_a_choice_shared_between_tables_is_refused(service: WebService, system: Dataverse) -> None:
    service.reply(json_reply({"LogicalName": "paymenttermscode", "OptionSet": None}))
    with pytest.raises(Stop, match="not shared"):
        system.read(PAYMENT_TERMS, ["1"])


def test_a_choice_has_a_number_and_a_label(service: WebService, system: Dataverse) -> None:
    service.reply(options(), error_reply(404, "0x80040217"))
    assert system.columns(PAYMENT_TERMS) == {"value", "label"}
    with pytest.raises(Skip, match="no choice column paymenttermscode in account"):
        system.columns(PAYMENT_TERMS)
