"""What is in ``deploy/`` fits the program: commands, settings, files and secrets that exist."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command

from console.main import app
from schemas.settings_file import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    document: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
    return document


def test_every_command_is_one_of_the_program(compose: dict[str, Any]) -> None:
    services = {name: one for name, one in compose["services"].items() if one["image"] == "twinrow"}
    assert services.keys() == {"topics", "receiver", "worker"}
    for service in services.values():
        command: Any = get_command(app)
        for word in service["command"]:
            assert isinstance(command, TyperGroup)
            command = command.commands[word]
        assert not isinstance(command, TyperGroup)


def test_every_service_has_what_it_refers_to(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= compose["services"].keys()
        assert set(service.get("secrets", ())) <= compose["secrets"].keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).is_file()


@pytest.mark.parametrize("name", ["twinrow.yaml", "twinrow.kafka.yaml"])
def test_settings_to_start_from_are_good(name: str, tmp_path: Path) -> None:
    text = re.sub(r"(/run|/etc/twinrow)/secrets", str(tmp_path), (DEPLOY / name).read_text())
    for secret in re.findall(r"_file: (\S+)", text):
        Path(secret).write_text("secret")
    (tmp_path / name).write_text(text)
    assert load_settings(tmp_path / name, {}).mappings == ("standard",)


def test_settings_for_compose_read_the_secrets_and_the_servers_that_it_has(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "twinrow.kafka.yaml").read_text()
    settings = YAML(typ="safe").load(text)
    assert set(re.findall(r"/run/secrets/(\S+)", text)) == set(compose["services"]["worker"]["secrets"])
    assert {one.partition(":")[0] for one in settings["kafka"]["bootstrap_servers"]} == {"kafka"}
    assert "@postgresql/" in settings["database"]["url"]
    assert settings["kafka"]["replication_factor"] == 1


def test_the_image_has_every_package_of_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = re.findall(r"^COPY (\w+) \w+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert copied == project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
