"""Options of choice columns of Dataverse."""

from typing import Any

from tests.unit.sandbox.clients import System, error

TERMS = (
    "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='paymenttermscode')"
    "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
)


def labels(dv: System) -> dict[int, str]:
    options = dv.get(f"{TERMS}?$select=LogicalName&$expand=OptionSet").json()["OptionSet"]["Options"]
    return {option["Value"]: option["Label"]["UserLocalizedLabel"]["Label"] for option in options}


def label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def named(column: str = "paymenttermscode", **values: Any) -> dict[str, Any]:
    return {"EntityLogicalName": "account", "AttributeLogicalName": column, **values}


def test_the_standard_options_are_there(dv: System) -> None:
    assert labels(dv)[1] == "Net 30"
    assert "OptionSet" not in dv.get(TERMS).json()


def test_an_option_is_added_renamed_and_used(dv: System) -> None:
    made = dv.post("InsertOptionValue", named(Label=label("14 DAYS"), SolutionUniqueName="Default"))
    value = made.json()["NewOptionValue"]
    assert value >= 192_350_000
    assert labels(dv)[value] == "14 DAYS"
    assert dv.post("accounts", {"name": "Nord AS", "paymenttermscode": value}).status_code == 204
    changed = dv.post("UpdateOptionValue", named(Value=value, Label=label("15 DAYS"), MergeLabels=True))
    assert changed.status_code == 204
    assert labels(dv)[value] == "15 DAYS"
    assert dv.post("PublishXml", {"ParameterXml": "<importexportxml/>"}).status_code == 204


def test_an_option_value_is_taken_once(dv: System) -> None:
    first = dv.post("InsertOptionValue", named("address1_freighttermscode", Value=77, Label=label("EXW")))
    assert first.json()["NewOptionValue"] == 77
    again = dv.post("InsertOptionValue", named("address1_freighttermscode", Value=77, Label=label("FCA")))
    assert error(again) == (400, "0x80048403")


def test_what_is_no_choice_is_refused(dv: System) -> None:
    assert dv.post("InsertOptionValue", named("name", Label=label("x"))).status_code == 404
    assert dv.get(TERMS.replace("paymenttermscode", "nonsense")).status_code == 404
    assert dv.get(TERMS.replace("account", "nonsense")).status_code == 404
    assert dv.post("UpdateOptionValue", named(Value=1, Label=label("x"))).status_code == 400
    assert dv.post("UpdateOptionValue", named(Value=12345, Label=label("x"), MergeLabels=True)).status_code == 400
    assert dv.get("InsertOptionValue").status_code == 405
