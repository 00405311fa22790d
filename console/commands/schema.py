"""``schema``: what an editor needs to check the files that people write."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from schemas.file_schemas import file_schemas


class SchemaOf(StrEnum):
    """The kinds of files."""

    SETTINGS = "settings"
    MAPPINGS = "mappings"


_FILES = {SchemaOf.SETTINGS: "settings.json", SchemaOf.MAPPINGS: "mapping_file.json"}


def schema(of: Annotated[SchemaOf, typer.Argument(help="Which kind of file.")]) -> None:
    """Print the JSON Schema of settings or mapping files, for editors."""
    sys.stdout.write(file_schemas()[_FILES[of]].decode())
