"""Mapping files for tests, derived from the ones that ship."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from schemas import json_codec
from schemas.mapping_file import STANDARD
from schemas.yaml_document import read_yaml

Changes: TypeAlias = Mapping[str, dict[str, Any]]
"""Members to set, by the mapping's name."""


def standard_mappings(folder: Path, changes: Changes | None = None, *, only_coupled: bool = False) -> Path:
    """A file with the standard mappings, all of them with this ``only_coupled``, then with ``changes``."""
    mappings, wanted = _standard(), changes or {}
    assert wanted.keys() <= mappings.keys(), f"no standard mappings {wanted.keys() - mappings.keys()}"
    alike = {"only_coupled": only_coupled}
    return mapping_file(folder, *(mapping | alike | wanted.get(name, {}) for name, mapping in mappings.items()))


def standard_mapping(name: str) -> dict[str, Any]:
    """One of the mappings that ship, to be changed."""
    return deepcopy(_standard()[name])


def mapping_file(folder: Path, *mappings: Mapping[str, Any]) -> Path:
    """A file with these mappings."""
    file = folder / f"mappings-{len(list(folder.iterdir()))}.yaml"
    file.write_bytes(json_codec.encode({"mappings": mappings}))  # JSON is YAML too
    return file


@cache
def _standard() -> dict[str, dict[str, Any]]:
    document = read_yaml(STANDARD.read_bytes(), str(STANDARD))
    return {mapping["name"]: mapping for mapping in document.data["mappings"]}
