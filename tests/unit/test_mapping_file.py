"""Reading mapping files."""

from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from schemas.faults import Fault
from schemas.features import Features
from schemas.mapping import Condition, Lookup, MappingDirection
from schemas.mapping_file import LoadedMappings, MappingFaults, Source, load

TEAM = "11111111-1111-1111-1111-111111111111"
COMPANY = "22222222-2222-2222-2222-222222222222"

PROJECT = """
    mappings:
      - name: PROJECT
        business_central: {table: projects, api: contoso/jobs/v1.0}
        dataverse: {table: new_project, set: new_projects, key: new_projectid}
        columns:
          - number <-> new_number
"""


def write(folder: Path, text: str, name: str = "mappings.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def load_text(folder: Path, text: str, features: Features | None = None) -> LoadedMappings:
    return load([write(folder, text)], features or Features())


def faults(*sources: Source, features: Features | None = None) -> list[Fault]:
    with pytest.raises(MappingFaults) as raised:
        load(sources, features or Features(team=TEAM))
    return list(raised.value.faults)


def fault_of(folder: Path, text: str) -> Fault:
    (fault,) = faults(write(folder, text))
    return fault


def test_a_pair_names_both_columns_and_the_direction(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
        mappings:
          - name: PROJECT
            business_central: {table: projects}
            dataverse: {table: new_project, set: new_projects, key: new_projectid}
            columns:
              - number <-> new_number
              - total -> new_total
              - {pair: status <- new_status, not_null: true}
        """,
    )
    number, total, status = loaded.mappings["PROJECT"].columns
    assert (number.business_central, number.dataverse) == ("number", "new_number")
    assert [column.direction for column in (number, total, status)] == [
        MappingDirection.BIDIRECTIONAL,
        MappingDirection.TO_DATAVERSE,
        MappingDirection.FROM_DATAVERSE,
    ]
    assert status.not_null


def test_conditions_references_and_criteria_have_short_forms(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
        mappings:
          - name: AREA
            business_central: {table: areas, referenced_by: code}
            dataverse: {table: new_area, set: new_areas, key: new_areaid}
            match: [code]
            columns: [code <-> new_code]
          - name: PROJECT
            business_central: {table: projects, filter: {blocked: null, kind: [A, B], area: {not: null}}}
            dataverse: {table: new_project, set: new_projects, key: new_projectid, filter: {statecode: 0}}
            match: [number, [name, city]]
            columns:
              - number <-> new_number
              - name <-> new_name
              - city <-> new_city
              - {pair: areaId <-> new_area, reference: AREA}
              - {pair: areaCode -> new_area2, reference: {to: AREA, by: key}}
        """,
    )
    project = loaded.mappings["PROJECT"]
    assert project.business_central.filter == {
        "blocked": Condition(any_of=(None,)),
        "kind": Condition(any_of=("A", "B")),
        "area": Condition(any_of=(None,), negate=True),
    }
    assert project.dataverse.filter == {"statecode": Condition(any_of=(0,))}
    assert [criterion.columns for criterion in project.match] == [("number",), ("name", "city")]
    assert [column.reference.to for column in project.columns if column.reference] == [("AREA",), ("AREA",)]


def test_yaml_is_version_1_2_and_fractions_are_exact(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
        mappings:
          - name: PROJECT
            direction: to_dataverse
            business_central: {table: projects, filter: {country: [NO, on, 2020-01-01]}}
            dataverse: {table: new_project, set: new_projects, key: new_projectid}
            columns:
              - {dataverse: new_rate, constant: 0.10, type: decimal}
        """,
    )
    project = loaded.mappings["PROJECT"]
    assert project.business_central.filter["country"].any_of == ("NO", "on", "2020-01-01")
    assert str(project.columns[0].constant) == "0.10"
    assert isinstance(project.columns[0].constant, Decimal)


def test_a_file_adds_to_the_standard_mappings(tmp_path: Path) -> None:
    loaded = load(["standard", write(tmp_path, PROJECT)], Features(team=TEAM))
    assert [mapping.name for mapping in loaded.mappings.mappings][-2:] == ["CONTACT", "PROJECT"]


def test_a_mapping_of_a_standard_name_takes_the_standard_ones_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        mappings:
          - name: SALESPEOPLE
            direction: from_dataverse
            business_central: {table: salespeoplePurchasers, referenced_by: code}
            dataverse: {table: systemuser, set: systemusers, key: systemuserid}
            columns:
              - code <- employeeid
        """,
    )
    loaded = load(["standard", path], Features(team=TEAM))
    assert [mapping.name for mapping in loaded.mappings.mappings][:2] == ["CURRENCY", "SALESPEOPLE"]
    assert [column.dataverse for column in loaded.mappings["SALESPEOPLE"].columns] == ["employeeid"]


def test_mappings_of_files_before_can_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "without: [SALESPEOPLE]")
    assert "SALESPEOPLE" not in load(["standard", path], Features(team=TEAM)).mappings


def test_leaving_out_what_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults("standard", write(tmp_path, "without: [SALESPEPLE]"))
    assert (fault.line, fault.column, fault.path) == (1, 11, "without[0]")
    assert fault.instead == "did you mean 'SALESPEOPLE'?"


def test_two_user_mappings_of_one_name_are_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, PROJECT, "one.yaml"), write(tmp_path, PROJECT, "two.yaml"))
    assert fault.file.endswith("two.yaml")
    assert "one.yaml, line 3" in fault.problem


def test_entries_count_only_under_their_setting(tmp_path: Path) -> None:
    text = """
        mappings:
          - name: PROJECT
            business_central: {table: projects}
            dataverse:
              table: new_project
              set: new_projects
              key: new_projectid
              filter: {statecode: 0, bcbi_companyid: {any_of: [$company, null], only_if: company}}
            columns:
              - number <-> new_number
              - {dataverse: {column: bcbi_companyid, target_set: bcbi_companies}, constant: $company,
                 direction: to_dataverse, only_if: company}
              - {dataverse: {column: ownerid, target_set: teams}, constant: $team,
                 direction: to_dataverse, only_if: team_ownership}
        """
    alone = load_text(tmp_path, text, Features(ownership="person")).mappings["PROJECT"]
    assert [column.name for column in alone.columns] == ["number"]
    assert alone.dataverse.filter.keys() == {"statecode"}

    stamped = load_text(tmp_path, text, Features(team=TEAM, company=COMPANY)).mappings["PROJECT"]
    assert [column.constant for column in stamped.columns] == [None, COMPANY, TEAM]
    assert stamped.dataverse.filter["bcbi_companyid"].any_of == (COMPANY, None)
    assert isinstance(stamped.columns[1].dataverse, Lookup)


def test_a_variable_without_value_names_the_setting_to_give() -> None:
    found = faults("standard", features=Features())
    assert {fault.advice for fault in found} == {"$team has no value; give the setting dataverse.team"}
    assert len(found) == 3


def test_an_unknown_variable_is_a_fault(tmp_path: Path) -> None:
    fault = fault_of(
        tmp_path,
        PROJECT + "          - {dataverse: new_currency, constant: $local_curency, direction: to_dataverse}\n",
    )
    assert fault.path == "mappings[0].columns[1].constant"
    assert fault.instead == "did you mean '$local_currency'?"


def test_text_that_merely_begins_with_a_dollar_is_no_variable(tmp_path: Path) -> None:
    text = PROJECT + "          - {dataverse: new_symbol, constant: '$', direction: to_dataverse}\n"
    assert load_text(tmp_path, text).mappings["PROJECT"].columns[1].constant == "$"


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ("mappings: [a\nb: 2", (2, 2), "not YAML: while parsing a flow sequence expected ',' or ']', but got ':'"),
        ("mappings: *all", (1, 11), "not YAML: found undefined alias 'all'"),
        (
            "mappings: []\n---\nmappings: []",
            (2, 1),
            "not YAML: a file holds one YAML document, and here begins another",
        ),
        ("mappings: []\nmappings: []", (2, 1), "given twice, first in line 1; leave one out"),
        ("? [a]\n: 1", (1, 3), "a key must be plain text"),
        ("mappings: &all [*all]", (1, 11), "an alias refers to a node around it"),
        ("- a\n- b", (1, 1), "should be a group of keys with values"),
        ("mapings: []", (1, 1), "no such key; did you mean 'mappings'?"),
        ("mappings: {a: 1}", (1, 11), "should be a list"),
        ("# nothing", (None, None), "the file is empty; write a list of mappings: mappings: [...]"),
    ],
)
def test_a_broken_file_is_told_with_its_place(
    tmp_path: Path, text: str, place: tuple[int | None, int | None], advice: str
) -> None:
    fault = next(iter(faults(write(tmp_path, text))))
    assert ((fault.line, fault.column), fault.advice) == (place, advice)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (missing,) = faults(tmp_path / "missing.yaml")
    assert missing.problem == "cannot be read: No such file or directory"
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: Bjørn".encode("latin-1"))
    (encoding,) = faults(latin)
    assert encoding.problem.startswith("not text in UTF-8")


@pytest.mark.parametrize(
    ("entry", "column", "path", "advice"),
    [
        ("direktion: to_dataverse", 5, "direktion", "no such key; did you mean 'direction'?"),
        (
            "direction: to_dataverze",
            16,
            "direction",
            "'to_dataverze' is not possible here; did you mean 'to_dataverse'?",
        ),
        ("only_coupled: perhaps", 19, "only_coupled", "should be true or false"),
        ("match: [{colums: [a]}]", 14, "match[0].colums", "no such key; did you mean 'columns'?"),
        ("match: [7]", 13, "match[0]", "should be a group of keys with values"),
        ("match: [[]]", 13, "match[0]", "should not be empty"),
    ],
)
def test_a_fault_of_a_mapping_is_told_once_with_its_place(
    tmp_path: Path, entry: str, column: int, path: str, advice: str
) -> None:
    text = f"""\
mappings:
  - name: PROJECT
    {entry}
    business_central: {{table: projects}}
    dataverse: {{table: new_project, set: new_projects, key: new_projectid}}
    columns: [number <-> new_number]
"""
    fault = fault_of(tmp_path, text)
    assert (fault.line, fault.column) == (3, column)
    assert (fault.path, fault.advice) == (f"mappings[0].{path}", advice)


@pytest.mark.parametrize(
    ("entry", "column", "advice"),
    [
        ("number = new_number", 9, "a pair is written: business_central_column <-> dataverse_column (or ->, or <-)"),
        (
            "{pair: a <-> b, direction: to_dataverse}",
            9,
            "a pair names the columns and the direction: leave out direction",
        ),
        ("{pair: a <-> b, lenght: {}}", 25, "no such key; did you mean 'length'?"),
        ("{pare: a <-> b}", 10, "no such key; did you mean 'pair'?"),
        ("{business_central: 7, dataverse: b}", 28, "should be text; put it in quotes"),
        ("{business_central: a, dataverse: 7}", 42, "should be text or a group of keys with values; put it in quotes"),
        ("{business_central: a, dataverse: {colum: b}}", 43, "no such key; did you mean 'column'?"),
        ("{dataverse: b, constant: [1]}", 34, "should be true or false or a whole number or a number or text"),
        ("{pair: a <-> b, length: {business_central: 0, dataverse: 5}}", 52, "should be greater than 0"),
        ("{pair: a <-> b, reference: {to: []}}", 41, "should not be empty"),
    ],
)
def test_a_fault_of_a_column_is_told_once_with_its_place(tmp_path: Path, entry: str, column: int, advice: str) -> None:
    text = f"""\
mappings:
  - name: PROJECT
    business_central: {{table: projects}}
    dataverse: {{table: new_project, set: new_projects, key: new_projectid}}
    columns:
      - {entry}
"""
    fault = fault_of(tmp_path, text)
    assert (fault.line, fault.column, fault.advice) == (6, column, advice)


def test_a_misspelt_condition_is_told_once(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, PROJECT.replace("projects, api", "projects, filter: {blocked: {nott: 1}}, api"))
    assert fault.advice == "no such key; did you mean 'not'?"


def test_what_is_missing_is_told_at_the_group_that_lacks_it(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, PROJECT.replace(", key: new_projectid", ""))
    assert (fault.line, fault.column) == (5, 16)
    assert (fault.path, fault.problem) == ("mappings[0].dataverse.key", "is missing")


def test_all_faults_of_all_files_come_at_once_in_reading_order(tmp_path: Path) -> None:
    one = write(tmp_path, PROJECT.replace("number <->", "number ="), "one.yaml")
    two = write(
        tmp_path,
        PROJECT.replace("PROJECT", "TASK").replace("number <-> new_number", "{pair: a <-> b, reference: PROJECT}")
        + "        only_couple: true\n",
        "two.yaml",
    )
    three = write(tmp_path, PROJECT.replace("PROJECT", "STEP").replace("<-> new_number", "<-> a\n          - b <-> a"))
    found = faults(one, two, three)
    assert [(Path(fault.file).name, fault.line) for fault in found] == [
        ("mappings.yaml", 8),
        ("one.yaml", 7),
        ("two.yaml", 8),
    ]
    assert str(found[1]).startswith(f"{one}:7:9: mappings[0].columns[0]: a pair is written")


def test_referring_to_a_mapping_that_has_faults_is_no_fault_of_its_own(tmp_path: Path) -> None:
    one = write(tmp_path, PROJECT.replace("number <->", "number ="), "one.yaml")
    two = write(
        tmp_path,
        PROJECT.replace("PROJECT", "TASK").replace("number <-> new_number", "{pair: a <-> b, reference: PROJECT}"),
        "two.yaml",
    )
    assert [Path(fault.file).name for fault in faults(one, two)] == ["one.yaml"]


def test_faults_across_mappings_point_into_the_file_though_columns_were_dropped(tmp_path: Path) -> None:
    fault = fault_of(
        tmp_path,
        PROJECT.replace(
            "- number <-> new_number",
            "- {pair: c <-> d, only_if: company}\n          - {pair: a <-> b, reference: ELSEWHERE}",
        ),
    )
    assert (fault.line, fault.path) == (8, "mappings[0].columns[1].reference")


def test_warnings_are_kept_apart_and_located(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, PROJECT.replace("- name: PROJECT", "- name: PROJECT\n        only_coupled: false"))
    (warning,) = loaded.warnings
    assert warning.line == 4
    assert "created a second time" in warning.problem
