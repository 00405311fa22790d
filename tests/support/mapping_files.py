"""Mapping files for tests, derived from the ones that ship."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from schemas import json_codec
from schemas.mapping_file import STANDARD
from schemas.yaml_document import read_yaml

Changes = Mapping[str, Mapping[str, Any]]
"""Members to set, by the mapping's name."""


def standard_mappings(folder: Path, changes: Changes | None = None, *, only_coupled: bool = False) -> Path:
    """A file with the standard mappings, all of them with this ``only_coupled``, then with ``changes``."""
    mappings, wanted = _standard(), changes or {}
    unknown = wanted.keys() - {mapping["name"] for mapping in mappings}
    assert not unknown, f"no standard mappings {unknown}"
    changed = [mapping | {"only_coupled": only_coupled} | wanted.get(mapping["name"], {}) for mapping in mappings]
    return mapping_file(folder, *changed)


def mapping_file(folder: Path, *mappings: Mapping[str, Any]) -> Path:
    """A file with these mappings."""
    file = folder / f"mappings-{len(list(folder.iterdir()))}.yaml"
    file.write_bytes(json_codec.encode({"mappings": mappings}))  # JSON is YAML too
    return file


@cache
def _standard() -> list[dict[str, Any]]:
    mappings: list[dict[str, Any]] = read_yaml(STANDARD.read_bytes(), str(STANDARD)).data["mappings"]
    return mappings
