"""``validate``: settings and mapping files, checked as a worker would before it starts."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from console.composition import Composition
from console.failures import ExitCode, Misconfigured
from console.online_checks import unknown_columns
from console.output import AsJson, note, print_json, stdout
from console.session import Session, session_of
from schemas.faults import Fault, Faults
from schemas.features import Features
from schemas.mapping_file import LoadedMappings, Source, load
from schemas.settings import Settings
from schemas.settings_file import load_settings
from schemas.yaml_document import read_yaml

_SOME_ID = "00000000-0000-0000-0000-000000000000"
_ANY_FEATURES = Features(team=_SOME_ID, company=_SOME_ID, local_currency="EUR")
"""For mapping files without settings: every variable has a value."""


@dataclass
class _Report:
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    mappings: int = 0

    def settings(self, file: Path | None) -> Settings | None:
        try:
            return load_settings(file, os.environ)
        except Faults as error:
            self.faults += error.faults
            return None

    def load(self, sources: Sequence[Source], features: Features) -> LoadedMappings | None:
        try:
            loaded = load(sources, features)
        except Faults as error:
            self.faults += error.faults
            return None
        self.warnings += loaded.warnings
        self.mappings += len(loaded.mappings.mappings)
        return loaded


def validate(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Settings or mapping files. Default: the settings, and the mapping files they name."),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask both systems, too, whether the mapped tables and columns exist.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings and mapping files; print every fault with its line and what to write instead."""
    session = session_of(context)
    report = _Report()
    mapping_files = [file for file in files or () if not _holds_settings(file)]
    if online and mapping_files:
        raise Misconfigured(
            "--online asks the systems of the settings, which a mapping file does not name.",
            "Name the file in the settings, and check those: twinrow validate --online",
        )
    for file in [file for file in files or () if file not in mapping_files] if files else [session.file]:
        settings = report.settings(file)
        loaded = report.load(settings.mappings, settings.features) if settings else None
        if online and settings and loaded:
            report.faults += _online(settings, loaded)
    if mapping_files:
        report.load(["standard", *mapping_files], _features(session))
    if as_json:
        print_json({"ok": not report.faults, "faults": report.faults, "warnings": report.warnings})
    else:
        _print(report)
    raise typer.Exit(ExitCode.CONFIGURATION if report.faults else ExitCode.DONE)


def _holds_settings(file: Path) -> bool:
    """Settings name mapping files, mapping files hold mappings; a file that is neither is a faulty mapping file."""
    try:
        data = read_yaml(file.read_bytes(), str(file)).data
    except OSError:
        return False
    return isinstance(data, dict) and bool(data.keys() & Settings.model_fields.keys() - {"mappings"})


def _features(session: Session) -> Features:
    try:
        return load_settings(session.file, os.environ).features
    except Faults:
        return _ANY_FEATURES


def _online(settings: Settings, loaded: LoadedMappings) -> list[Fault]:
    with Composition(settings) as composition:
        return unknown_columns(loaded, composition.systems)


def _print(report: _Report) -> None:
    _print_lines("error", "red", report.faults)
    _print_lines("warning", "yellow", report.warnings)
    if report.faults:
        note(f"{_number(len(report.faults), 'fault')}. Nothing starts with faults.")
    else:
        note(f"No faults in {_number(report.mappings, 'mapping')}, {_number(len(report.warnings), 'warning')}.")


def _print_lines(kind: str, style: str, found: Iterable[Fault]) -> None:
    for fault in found:
        stdout().print(Text.assemble((f"{kind}: ", style), str(fault)))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
