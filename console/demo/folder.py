"""The demo's folder: settings, secrets and mappings, ready for other commands while the demo runs."""

from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from console import sandbox_settings
from console.demo.mappings import write_mappings
from systems.sandbox import Sandbox


class Folder:
    """Everything but the folder itself, which whoever made it removes."""

    def __init__(self, path: Path, sandbox: Sandbox) -> None:
        """The files are written; where the receiver is remains to be said.

        Raises:
            OSError: one of them cannot be written.
        """
        self.settings_file = path / "twinrow.yaml"
        write_mappings(path / "mappings.yaml")
        secrets = sandbox_settings.write_settings(
            self.settings_file, sandbox, client_state=token_urlsafe(16), webhook_key=token_urlsafe(16)
        )
        self._settings = sandbox_settings.settings_of(sandbox, Path(secrets.name)) | {
            "database": {"url": f"sqlite:///{path / 'twinrow.db'}"},
            "mappings": ["mappings.yaml"],
        }
        self._write()

    def add_receiver(self, url: str) -> None:
        """Say where the receiver is."""
        self._settings["receiver"] |= {"port": urlsplit(url).port, "public_url": url}
        self._write()

    def _write(self) -> None:
        with self.settings_file.open("w", encoding="utf-8") as file:
            file.write(sandbox_settings.HEADER)
            YAML().dump(self._settings, file)
