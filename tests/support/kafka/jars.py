"""The broker's jars, as Maven artifacts of ``pom.xml``: fetched once, and kept in the project's folder."""

import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
_KEPT = Path(__file__).parents[3] / ".kafka"

MISSING = (
    "No Kafka to test with: install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven), "
    "or set KAFKA_BOOTSTRAP to the address of a cluster"
)


def class_path() -> str:
    """The jars, as ``java -cp`` takes them."""
    folder = _KEPT / sha256(POM.read_bytes()).hexdigest()[:12]
    if not folder.exists():
        _fetch(folder)
    return f"{folder}/*"


def java() -> str:
    """The program."""
    found = shutil.which("java")
    assert found, MISSING
    return found


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    assert maven, MISSING
    _KEPT.mkdir(exist_ok=True)
    # Elsewhere first: a fetch that was interrupted leaves nothing that looks whole.
    with tempfile.TemporaryDirectory(dir=_KEPT) as unfinished:
        command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
        fetched = subprocess.run(command, check=False, capture_output=True, text=True)
        assert fetched.returncode == 0, f"{MISSING}. Maven says: {fetched.stdout.strip()[-1000:]}"
        shutil.copytree(unfinished, folder)
