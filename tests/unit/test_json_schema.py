"""The JSON Schemas that ship for editors."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from schemas.file_schemas import FOLDER, file_schemas
from schemas.mapping_file import STANDARD
from schemas.yaml_document import read_yaml


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(msgspec.json.decode((FOLDER / name).read_bytes()))


def document(text: str) -> Any:
    read = read_yaml(text.encode(), "test")
    assert read.faults == []
    return read.data


def mapping(column: str, more: str = "") -> Any:
    return document(
        "mappings: [{name: A, business_central: {table: as}, dataverse: {table: a, set: as, key: aid}, "
        f"columns: [{column}]{more}}}]"
    )


@pytest.mark.parametrize("name", ["mapping_file.json", "settings.json"])
def test_what_ships_is_what_the_models_say(name: str) -> None:
    assert (FOLDER / name).read_bytes() == file_schemas()[name], "run: python -m schemas.file_schemas"


def test_the_standard_mappings_fit() -> None:
    standard = read_yaml(STANDARD.read_bytes(), str(STANDARD)).data
    assert [str(error) for error in validator("mapping_file.json").iter_errors(standard)] == []


@pytest.mark.parametrize(
    "column",
    [
        "a <-> b",
        "{pair: a -> b, reference: A}",
        "{pair: a <- b, reference: {to: [A], by: key}}",
        "{business_central: a, dataverse: {column: b, navigation: c}}",
        "{dataverse: b, constant: null, direction: to_dataverse}",
        "{dataverse: b, constant: 0.5, direction: to_dataverse, only_if: company}",
    ],
)
def test_forms_of_a_column_fit(column: str) -> None:
    assert validator("mapping_file.json").is_valid(mapping(column))


@pytest.mark.parametrize(
    "column", ["a = b", "{pair: a = b}", "{pair: a <-> b, typ: text}", "{pair: a <-> b, type: txt}", "5", "{pair: 5}"]
)
def test_wrong_columns_do_not_fit(column: str) -> None:
    assert not validator("mapping_file.json").is_valid(mapping(column))


@pytest.mark.parametrize("match", ["[a]", "[[a, b]]", "[{columns: [a], case_sensitive: true}]"])
def test_forms_of_a_criterion_fit(match: str) -> None:
    assert validator("mapping_file.json").is_valid(mapping("a <-> b", f", match: {match}"))


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("null", True),
        ("[3, 11]", True),
        ("{not: null}", True),
        ("{not: [1, 2], only_if: company}", True),
        ("{any_of: [$company, null], only_if: company}", True),
        ("{nott: 1}", False),
        ("{only_if: company}", False),
        ("[]", False),
    ],
)
def test_forms_of_a_condition(condition: str, fits: bool) -> None:
    file = document(
        f"mappings: [{{name: A, business_central: {{table: as, filter: {{b: {condition}}}}}, "
        "dataverse: {table: a, set: as, key: aid}, columns: [a <-> b]}]"
    )
    assert validator("mapping_file.json").is_valid(file) is fits


def test_settings_fit_and_secrets_do_not(tmp_path: Path) -> None:
    text = """
        business_central: {url: https://a.example, company: x, credentials: {main: {tenant: t, client_id: c%s}}}
        dataverse: {url: https://b.example, credentials: {main: {tenant: t, client_id: c}}}
        mappings: [standard, mine.yaml]
        worker: {threads: 4}
        """
    assert validator("settings.json").is_valid(document(text % f", client_secret_file: {tmp_path}"))
    assert not validator("settings.json").is_valid(document(text % ", client_secret: hunter2"))


def test_descriptions_are_for_people() -> None:
    shown = b"".join(file_schemas().values()).decode()
    assert "Which side wins" in shown
    assert "``" not in shown
    assert ":attr:" not in shown
