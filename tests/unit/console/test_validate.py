"""``validate``, ``schema`` and ``inspect``: what people write, and what systems send."""

from pathlib import Path

import pytest

from schemas import cloud_event, json_codec
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.system import System
from schemas.timestamps import parse
from tests.support.command_line import CommandLine
from tests.support.notifications import ACCOUNT, context

OWN_MAPPING = """\
mappings:
  - name: UNITS
    direction: to_dataverse
    business_central: {table: unitsOfMeasure}
    dataverse: {table: fab_unit, set: fab_units, key: fab_unitid}
    match: [code]
    columns:
      - {pair: code -> fab_code, type: code}
"""


def test_good_settings_are_good(twinrow: CommandLine) -> None:
    answer = twinrow("validate")

    assert (answer.code, answer.stdout) == (0, "")
    assert "7 mappings" in answer.stderr


def test_every_fault_is_told_with_file_line_and_column(twinrow: CommandLine) -> None:
    twinrow.write(log={"level": "loud"}, dataverse={"teem": "x"})

    answer = twinrow("validate", "--json")

    assert answer.code == 2
    assert answer.json["ok"] is False
    faults = {fault["path"]: fault for fault in answer.json["faults"]}
    assert faults.keys() == {"log.level", "dataverse.teem"}
    assert faults["dataverse.teem"]["instead"] == "did you mean 'team'?"
    for fault in faults.values():
        assert fault["file"] == str(twinrow.settings_file)
        assert fault["line"] > 0
        assert fault["column"] > 0


def test_faults_of_a_mapping_file_that_the_settings_name_are_told(twinrow: CommandLine) -> None:
    (twinrow.folder / "own.yaml").write_text(OWN_MAPPING.replace("type: code", "type: coed"))
    twinrow.write(mappings=["standard", "own.yaml"])

    answer = twinrow("validate")

    assert answer.code == 2
    assert "own.yaml:8:" in answer.stdout
    assert "did you mean 'code'?" in answer.stdout


def test_a_mapping_file_is_checked_without_settings(
    twinrow: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.yaml"
    own.write_text(OWN_MAPPING)
    twinrow.settings_file.write_text("")

    good = twinrow("validate", own)
    own.write_text(OWN_MAPPING.replace("columns:", "colums:"))
    bad = twinrow("validate", own)

    assert (good.code, bad.code) == (0, 2)
    assert "own.yaml:7:5: mappings[0].colums" in bad.stdout


def test_warnings_do_not_fail(twinrow: CommandLine) -> None:
    own = twinrow.folder / "own.yaml"
    own.write_text(
        OWN_MAPPING.replace("[code]", "[code]\n    deletion_conflict: remove_coupling\n    only_coupled: false")
    )

    answer = twinrow("validate", own, "--json")

    assert answer.code == 0
    (warning,) = answer.json["warnings"]
    assert warning["instead"] == "write only_coupled: true"


def test_online_asks_the_systems_for_tables_and_columns(in_sandbox: CommandLine) -> None:
    assert in_sandbox("validate", "--online").code == 0

    (in_sandbox.folder / "own.yaml").write_text(OWN_MAPPING)
    in_sandbox.write(mappings=["standard", "own.yaml"])
    answer = in_sandbox("validate", "--online")

    assert answer.code == 2
    assert "own.yaml:" in answer.stdout
    assert "fab_unit" in answer.stdout


def test_systems_that_are_away_are_the_environments_fault(twinrow: CommandLine) -> None:
    assert twinrow("validate", "--online").code == 3


@pytest.mark.parametrize(("of", "key"), [("settings", "business_central"), ("mappings", "without")])
def test_schemas_are_printed_for_editors(twinrow: CommandLine, of: str, key: str) -> None:
    assert key in twinrow("schema", of).json["properties"]


def test_a_context_is_shown_with_its_columns(twinrow: CommandLine) -> None:
    message = twinrow.folder / "message.json"
    message.write_bytes(json_codec.encode(context()))

    (change,) = twinrow("inspect", message, "--json").json

    assert (change["system"], change["record_id"], change["kind"]) == ("dataverse", ACCOUNT, "modified")
    assert isinstance(change["columns"], list)
    assert ACCOUNT in twinrow("inspect", message).stdout


def test_messages_come_from_standard_input_one_a_line(twinrow: CommandLine) -> None:
    time = parse("2026-03-05T06:07:08Z")
    events = [
        ChangeEvent(str(number), System.BUSINESS_CENTRAL, "customers", f"id-{number}", ChangeKind.DELETED, time)
        for number in range(2)
    ]
    lines = b"\n".join(cloud_event.encode(event).body for event in events).decode()

    answer = twinrow("inspect", "--json", given=lines)

    assert answer.code == 0
    assert [one["record_id"] for one in answer.json] == ["id-0", "id-1"]
    assert answer.json[0]["columns"] is None


def test_what_would_be_a_dead_letter_is_said_with_the_reason(twinrow: CommandLine) -> None:
    answer = twinrow("inspect", given="<xml/>")

    assert answer.code == 1
    assert "dead letter" in answer.stdout
    assert "Set Message Format to JSON" in answer.stdout


def test_a_file_that_cannot_be_read_is_named(twinrow: CommandLine) -> None:
    answer = twinrow("inspect", "nowhere.json")

    assert answer.code == 3
    assert "nowhere.json" in answer.stderr
