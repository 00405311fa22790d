"""Settings of a test as processes get them: a file, and the secrets in the environment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from schemas import json_codec
from schemas.settings import Settings


def write_settings(settings: Settings, file: Path) -> dict[str, str]:
    """Write ``file``; the environment variables with its secrets."""
    document = settings.model_dump(mode="json", exclude_defaults=True)
    secrets = dict(_secrets(settings, ()))
    for path in secrets:
        *above, name = path
        holder: Any = document
        for step in above:
            holder = holder[step]
        del holder[name]
    file.write_bytes(json_codec.encode(document))  # JSON is YAML too
    return {f"TWINROW_{'__'.join(path).upper()}": secret for path, secret in secrets.items()}


def _secrets(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, SecretStr):
        yield path, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _secrets(one, (*path, name))
