"""Settings that reach the sandbox: a file ready to be used, and the secrets beside it."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from systems.sandbox import Sandbox

UNLIMITED = 600_000
"""Requests in five minutes: the sandbox limits nobody unless it is told to."""

HEADER = "# For the sandbox, as long as it runs. Try: twinrow doctor\n"


def settings_of(sandbox: Sandbox, secrets: Path) -> dict[str, Any]:
    """The settings; the files with secrets are in the folder ``secrets``."""
    business_central, dataverse = sandbox.business_central, sandbox.dataverse
    principal = {
        "tenant": sandbox.settings.tenant,
        "client_id": sandbox.client.client_id,
        "client_secret_file": str(secrets / "client_secret"),
        "token_url": sandbox.token_url,
    }
    return {
        "business_central": {
            "url": business_central.url,
            "company": business_central.company_id,
            "requests_per_5_minutes": UNLIMITED,
            "credentials": {"main": principal},
        },
        "dataverse": {
            "url": dataverse.url,
            "team": dataverse.team_id,
            "company": dataverse.company_row_id,
            "requests_per_5_minutes": UNLIMITED,
            "credentials": {"main": dict(principal)},
        },
        "receiver": {
            "client_state_file": str(secrets / "client_state"),
            "webhook_key_file": str(secrets / "webhook_key"),
        },
    }


def write_settings(file: Path, sandbox: Sandbox, *, client_state: str, webhook_key: str) -> Path:
    """Write the settings file, and the secrets to a folder beside it, which is answered.

    Raises:
        OSError: one of them cannot be written.
    """
    folder = file.parent / f"{file.stem}-secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    secrets = {"client_secret": sandbox.client.client_secret, "client_state": client_state, "webhook_key": webhook_key}
    for name, secret in secrets.items():
        holder = folder / name
        holder.touch(mode=0o600)
        holder.write_text(f"{secret}\n", encoding="utf-8")
    yaml = YAML()
    with file.open("w", encoding="utf-8") as out:
        out.write(HEADER)
        yaml.dump(settings_of(sandbox, Path(folder.name)), out)
    return folder
