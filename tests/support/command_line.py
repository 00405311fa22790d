"""The command line, invoked in this process with settings of the test's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from typer.testing import CliRunner

from console.composition import Composition
from console.main import app
from console.sandbox_settings import settings_of
from schemas import json_codec
from schemas.settings_file import load_settings
from systems.sandbox import Sandbox

SECRET = "the-client-secret"
COMPANY = "11111111-1111-4111-8111-111111111111"
TEAM = "da9495a7-1477-5e52-b7e6-e853dac70ec6"
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json_codec.decode(self.stdout)


@dataclass
class CommandLine:
    """Settings in a folder, and commands that use them. Without a sandbox the systems are nowhere."""

    folder: Path
    sandbox: Sandbox | None = None

    @property
    def settings_file(self) -> Path:
        """The settings file."""
        return self.folder / "twinrow.yaml"

    def write(self, **changes: Any) -> None:
        """Write the settings, with these changes of whole sections or keys in them."""
        secret = self.sandbox.client.client_secret if self.sandbox else SECRET
        for name, value in {"client_secret": secret, "client_state": "our-state", "webhook_key": "our-key"}.items():
            (self.folder / name).write_text(value)
        document = _merged(self._plain(), changes)
        with self.settings_file.open("w") as file:
            YAML().dump(document, file)

    def __call__(self, *arguments: object, given: str | None = None) -> Answer:
        """Invoke a command."""
        words = ["--settings", str(self.settings_file), *map(str, arguments)]
        result = CliRunner().invoke(app, words, input=given, catch_exceptions=False, prog_name="twinrow")
        return Answer(result.exit_code, result.stdout, result.stderr)

    def composition(self) -> Composition:
        """The objects that commands would use; the database is prepared."""
        composition = Composition(load_settings(self.settings_file, {}))
        composition.prepare()
        return composition

    def _plain(self) -> dict[str, Any]:
        database = {"database": {"url": f"sqlite:///{self.folder}/twinrow.db"}}
        if self.sandbox is not None:
            return database | settings_of(self.sandbox, self.folder)
        principal = {
            "tenant": "contoso.example",
            "client_id": "worker",
            "client_secret_file": str(self.folder / "client_secret"),
            "token_url": f"{_NOWHERE}/token",
        }
        return database | {
            "business_central": {"url": _NOWHERE, "company": COMPANY, "credentials": {"main": principal}},
            "dataverse": {"url": _NOWHERE, "team": TEAM, "credentials": {"main": dict(principal)}},
        }


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
