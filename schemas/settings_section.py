"""A group of settings, and its secrets: given by the environment or by a file of their own, and never shown."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _filled(path: Path) -> Path:
    try:
        empty = not path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not text in UTF-8'}") from None
    if empty:
        raise ValueError(f"{path} is empty: it should hold the secret and nothing else")
    return path


SecretFile: TypeAlias = Annotated[Path, AfterValidator(_filled)]
"""A file that holds a secret and nothing else; white space around it does not count."""


Secret: TypeAlias = Annotated[SecretStr, Field(min_length=1)]
"""A secret from the environment."""


class Section(BaseModel):
    """A group of settings. A secret called ``x`` is a field ``x`` (:data:`Secret`) beside a field ``x_file``."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    @classmethod
    def is_secret(cls, name: str) -> bool:
        """Whether the field ``name`` is a secret."""
        return f"{name}_file" in cls.model_fields

    def secret(self, name: str) -> str | None:
        """The secret ``name``; one in a file is read anew, since mounted secrets are renewed in place.

        Raises:
            OSError: the file is gone.
        """
        file: Path | None = getattr(self, f"{name}_file")
        if file is not None:
            return file.read_text(encoding="utf-8").strip()
        value: SecretStr | None = getattr(self, name)
        return value.get_secret_value() if value else None
