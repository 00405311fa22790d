"""JSON Schemas of the files that people write, for editors: made from the models, and shipped beside them.

``python -m schemas.file_schemas`` writes them anew. Begin a file with ``# yaml-language-server: $schema=<path>``.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from schemas.mapping import MappingFile
from schemas.settings import Settings

FOLDER = Path(str(files("schemas") / "json_schema"))

_MODELS: Mapping[str, type[BaseModel]] = {"mapping_file.json": MappingFile, "settings.json": Settings}
_ROLE = re.compile(r":\w+:`~?([^`]*)`")


class _WithoutTitles(GenerateJsonSchema):
    """Titles made of field names say nothing that the names do not."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def file_schemas() -> dict[str, bytes]:
    """The schemas by file name."""
    return {name: _encoded(model.model_json_schema(schema_generator=_WithoutTitles)) for name, model in _MODELS.items()}


def write_file_schemas() -> None:
    """Write the schemas to where they ship from."""
    for name, schema in file_schemas().items():
        (FOLDER / name).write_bytes(schema)


def _encoded(schema: dict[str, Any]) -> bytes:
    document = {"$schema": GenerateJsonSchema.schema_dialect, **_readable(schema)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _readable(node: Any) -> Any:
    """Without secrets, which files must not hold, and with descriptions as an editor shows them."""
    if isinstance(node, list):
        return [_readable(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    readable = {key: _readable(entry) for key, entry in node.items()}
    if isinstance(readable.get("description"), str):
        readable["description"] = _ROLE.sub(r"`\1`", readable["description"]).replace("``", "`")
    properties = readable.get("properties")
    if isinstance(properties, dict):
        readable["properties"] = {name: entry for name, entry in properties.items() if "writeOnly" not in str(entry)}
    return readable


if __name__ == "__main__":
    write_file_schemas()
