"""Reading mapping files: several of them into one checked set of mappings, or all of their faults at once.

A file is YAML 1.2 with a list ``mappings``; the shapes are those of ``schemas/mapping.py``, for editors described in
``schemas/json_schema/mapping_file.json``. The mappings that ship are ``schemas/standard_mappings.yaml``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from schemas import faults, mapping_checks, mapping_warnings
from schemas.faults import Fault, Faults, Finding, did_you_mean
from schemas.features import Features, resolve
from schemas.mapping import Mapping, MappingFile, Mappings
from schemas.validation_faults import faults_of
from schemas.yaml_document import YamlDocument, read_yaml

Source: TypeAlias = Path | Literal["standard"]
"""A mapping file, or the mappings that ship."""

STANDARD = Path(str(files("schemas") / "standard_mappings.yaml"))


class MappingFaults(Faults):
    """The mapping files cannot be used."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a mapping stands: the document, its place in the list, and which of its columns count."""

    document: YamlDocument
    index: int
    kept: tuple[int, ...] = ()

    def fault(self, finding: Finding) -> Fault:
        match finding.path:
            case ("columns", int(column), *rest) if self.kept:
                path: faults.Path = ("columns", self.kept[column], *rest)
            case path:
                pass
        return self.document.fault(("mappings", self.index, *path), finding.problem, finding.instead)


@dataclass(frozen=True, slots=True)
class LoadedMappings:
    """Mappings that can be used.

    Attributes:
        mappings: resolved under the settings, checked against each other.
        warnings: what will work, but perhaps not as meant.
    """

    mappings: Mappings
    warnings: tuple[Fault, ...]
    _entries: dict[str, _Entry] = field(repr=False)

    def located(self, findings: Iterable[Finding]) -> list[Fault]:
        """Findings about :attr:`mappings` with the file and line that each is about."""
        return faults.in_order(self._entries[finding.mapping].fault(finding) for finding in findings)


def load(sources: Sequence[Source], features: Features) -> LoadedMappings:
    """Read the files in this order, and check them together.

    A file adds its mappings. One that has the name of a standard mapping replaces that, in its place; the list
    ``without`` names mappings of files before it that are left out. Entries whose ``only_if`` does not hold under
    ``features`` are dropped, and variables (``$company``) are filled in.

    Raises:
        MappingFaults: with all faults of all files.
    """
    reading = _Reading(features)
    for source in sources:
        reading.add(source)
    return reading.finish()


class _Reading:
    """The files read so far."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._faults: list[Fault] = []
        self._mappings: dict[str, Mapping] = {}
        self._entries: dict[str, _Entry] = {}
        self._unreadable: set[str] = set()
        """Names of mappings that are there, but have faults."""

    def add(self, source: Source) -> None:
        path = STANDARD if source == "standard" else source
        try:
            document = read_yaml(path.read_bytes(), str(path))
        except OSError as error:
            self._faults.append(Fault(str(path), None, None, "", f"cannot be read: {error.strerror}"))
            return
        self._faults += document.faults
        if document.data is None:
            if not document.faults:
                self._faults.append(
                    document.fault((), "the file is empty", "write a list of mappings: mappings: [...]")
                )
            return
        for name in self._left_out(document):
            self._mappings.pop(name, None)
            self._entries.pop(name, None)
        for index, raw in enumerate(_listed(document.data, "mappings")):
            self._add_mapping(document, index, raw)

    def _left_out(self, document: YamlDocument) -> Iterator[str]:
        """The names in ``without``; on the way everything but the mappings themselves is validated."""
        data = document.data
        shell = data | {"mappings": []} if isinstance(data, dict) and isinstance(data.get("mappings"), list) else data
        try:
            names = MappingFile.model_validate(shell).without
        except ValidationError as error:
            self._faults += faults_of(error, document, MappingFile)
            return
        for index, name in enumerate(names):
            if name in self._mappings or name in self._unreadable:
                yield name
            else:
                hint = did_you_mean(name, self._mappings)
                self._faults.append(
                    document.fault(("without", index), f"no mapping {name!r} in the files before", hint)
                )

    def _add_mapping(self, document: YamlDocument, index: int, raw: Any) -> None:
        place: faults.Path = ("mappings", index)
        try:
            mapping = Mapping.model_validate(raw)
        except ValidationError as error:
            self._faults += faults_of(error, document, Mapping, place)
            if isinstance(raw, dict) and isinstance(raw.get("name"), str):
                self._unreadable.add(raw["name"])
            return
        earlier = self._entries.get(mapping.name)
        if earlier and (earlier.document is document or earlier.document.file != str(STANDARD)):
            first = earlier.fault(Finding(mapping.name, ("name",), ""))
            problem = f"a second mapping {mapping.name!r}, the first is in {first.file}, line {first.line}"
            self._faults.append(document.fault((*place, "name"), problem, "rename one, or leave it out"))
            return
        resolved = resolve(mapping, self._features)
        as_written = _Entry(document, index)
        self._faults += [as_written.fault(finding) for finding in resolved.findings]
        self._mappings[mapping.name] = resolved.mapping
        self._entries[mapping.name] = _Entry(document, index, resolved.kept)

    def finish(self) -> LoadedMappings:
        mappings = Mappings(mappings=tuple(self._mappings.values()))
        loaded = LoadedMappings(mappings, (), self._entries)
        found = self._faults + loaded.located(mapping_checks.check(mappings, frozenset(self._unreadable)))
        if found:
            raise MappingFaults(faults.in_order(found))
        return LoadedMappings(mappings, tuple(loaded.located(mapping_warnings.warn(mappings))), self._entries)


def _listed(data: Any, key: str) -> list[Any]:
    entries = data.get(key) if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []
