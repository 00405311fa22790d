"""Reading the settings: a YAML file, overridden by the environment, with all faults of both at once.

The file's shape is that of :class:`schemas.settings.Settings`, for editors in ``schemas/json_schema/settings.json``. A
setting's environment variable is its path, ``TWINROW_DATAVERSE__CREDENTIALS__MAIN__CLIENT_SECRET``; lists are JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from schemas import faults
from schemas.faults import Fault, Faults, Path, as_text, did_you_mean
from schemas.settings import Settings, password_in
from schemas.settings_section import Section
from schemas.validation_faults import faults_of, model_at
from schemas.yaml_document import YamlDocument, read_yaml

PREFIX = "TWINROW_"
SETTINGS_FILE_VARIABLE = "TWINROW_SETTINGS"
"""Names the settings file: the one variable with the prefix that is no setting."""


class SettingsFaults(Faults):
    """The settings cannot be used."""


def load_settings(path: FilePath | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file at ``path`` (``None``: no file) and of ``environ``, which wins.

    Paths in the file are relative to the file's folder.

    Raises:
        SettingsFaults: with all faults; none of them shows a secret.
    """
    document = _read(path)
    variables = {name.upper(): value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    variables.pop(SETTINGS_FILE_VARIABLE, None)
    given, found = _from_environment(variables)
    found += [*document.faults, *_secrets_in(document)]
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        raise SettingsFaults([*found, document.fault((), "should be a group of keys with values")])
    try:
        settings = Settings(**_merged(_absolute(data, path), given))
    except ValidationError as error:
        found += faults_of(error, _Sources(document, variables), Settings)
        raise SettingsFaults(faults.in_order(found)) from None  # pydantic's own text shows what was given
    if found:
        raise SettingsFaults(faults.in_order(found))
    return settings


@dataclass(frozen=True, slots=True)
class _Sources:
    """File and environment as one document: a fault is in the environment where a variable gives the setting."""

    document: YamlDocument
    variables: Mapping[str, str]

    def contains(self, path: Path) -> bool:
        return self.document.contains(path) or any(name.startswith(_variable(path)) for name in self.variables)

    def fault(self, path: Path, problem: str, instead: str = "", *, at_key: bool = False) -> Fault:
        for length in range(len(path), 0, -1):
            name = _variable(path[:length])
            if name in self.variables:
                return Fault(name, None, None, as_text(path[length:]), problem, instead)
        if problem == "is missing":
            instead = f"give it, or set {_variable(path)}"
        return self.document.fault(path, problem, instead, at_key=at_key)


def _read(path: FilePath | None) -> YamlDocument:
    if path is None:
        return YamlDocument("settings")
    try:
        return read_yaml(path.read_bytes(), str(path))
    except OSError as error:
        fault = Fault(str(path), None, None, "", f"cannot be read: {error.strerror}")
        return YamlDocument(str(path), faults=[fault])


def _from_environment(variables: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """What the variables set, and the faults of those that set nothing."""
    found: list[Fault] = []
    good: dict[str, str] = {}
    for name, value in variables.items():
        try:
            sets_something = bool(_parse({name: value}))
        except SettingsError:
            found.append(Fault(name, None, None, "", "should be JSON", 'such as ["standard"]'))
            continue
        if sets_something:
            good[name] = value
        else:
            hint = did_you_mean(name, (_variable((field,)) for field in Settings.model_fields))
            found.append(Fault(name, None, None, "", "no such setting", hint))
    return _parse(good), found


def _parse(variables: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return source()


def _secrets_in(document: YamlDocument) -> Iterator[Fault]:
    """A fault for every secret that stands in the file itself."""
    for path, value in _leaves(document.data, ()):
        holder = model_at(Settings, path[:-1])
        if path and issubclass(holder, Section) and holder.is_secret(str(path[-1])):
            instead = f"put it into a file and name that as {path[-1]}_file, or set {_variable(path)}"
            yield document.fault(path, "a secret must not stand in the settings", instead)
        elif path == ("database", "url") and password_in(str(value)):
            instead = f"leave the password out of it, and set {_variable(('database', 'password'))} or password_file"
            yield document.fault(path, "a secret must not stand in the settings", instead)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, (*path, key))
    else:
        yield path, value


def _absolute(data: dict[str, Any], file: FilePath | None) -> dict[str, Any]:
    """``data`` with the paths in it counted from the file's folder."""
    folder = file.absolute().parent if file else FilePath()

    def resolved(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {inner: resolved(inner, entry) for inner, entry in value.items()}
        if key == "mappings" and isinstance(value, list):
            return [folder / entry if isinstance(entry, str) and entry != "standard" else entry for entry in value]
        return folder / value if key.endswith("_file") and isinstance(value, str) else value

    return {key: resolved(key, value) for key, value in data.items()}


def _merged(file: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    merged = dict(file)
    for key, value in environment.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _variable(path: Path) -> str:
    return PREFIX + "__".join(str(step) for step in path).upper()
