"""The source distribution of azure-servicebus, which carries the tests; none of it is kept in this repository."""

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

_PROJECT = Path(__file__).parents[2]
_CACHE = _PROJECT / ".microsoft"
_PINNED = re.compile(r"^azure-servicebus==(?P<version>\S+) \\\n(?:    --hash=\S+(?: \\)?\n)+", re.MULTILINE)


def microsofts_tests() -> Path:
    """The folder of the tests that belong to the pinned version; brought here once, its hash checked by pip.

    Raises:
        AssertionError: it could not be brought here, with what pip says.
    """
    pinned = _PINNED.search((_PROJECT / "requirements.lock").read_text())
    assert pinned is not None, "requirements.lock pins no azure-servicebus"
    name = f"azure_servicebus-{pinned['version']}"
    tests = _CACHE / name / "tests"
    if not tests.is_dir():
        _CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as directory:
            _download(pinned[0].rstrip("\\\n "), Path(directory))
            with tarfile.open(Path(directory) / f"{name}.tar.gz") as archive:
                archive.extractall(_CACHE, filter="data")
    return tests


def _download(requirement: str, directory: Path) -> None:
    pinned = directory / "pinned.txt"
    pinned.write_text(requirement)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    options = ["--no-binary", ":all:", "--require-hashes", "--dest", str(directory), "--requirement", str(pinned)]
    done = subprocess.run([*command, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"the source distribution of azure-servicebus could not be brought here:\n{done.stderr}"
    )
