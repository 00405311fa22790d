"""Runs Microsoft's tests side by side: they mostly sleep."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.microsoft.source_distribution import microsofts_tests
from tests.servicebus.broker import KEY, KEY_NAME, ServiceBusBroker
from tests.servicebus.certificates import Certificates
from tests.servicebus.control import control_server

SUFFIX = ".servicebus.test"

FILES = [
    "test_queues.py",
    "test_sessions.py",
    "test_topic.py",
    "test_subscriptions.py",
    "test_list_sessions.py",
    "async_tests/test_queues_async.py",
    "async_tests/test_sessions_async.py",
    "async_tests/test_topic_async.py",
    "async_tests/test_subscriptions_async.py",
    "async_tests/test_list_sessions_async.py",
]


def main() -> int:
    """The exit code of pytest: 0 if everything passes but what is known not to."""
    tests = microsofts_tests()
    with tempfile.TemporaryDirectory() as directory:
        certificates = Certificates(Path(directory), [f"*{SUFFIX}", "127.0.0.1"])
        broker = ServiceBusBroker(certificates.server_context())
        broker.start()
        control = control_server(broker)
        control.start()
        try:
            return _run(tests, broker, control.url, certificates.authority)
        finally:
            control.stop()
            broker.stop()


def _run(tests: Path, broker: ServiceBusBroker, control: str, authority: Path) -> int:
    here = Path(__file__).parent
    paths = [here.parents[1], here / "stand_ins", tests, tests / "async_tests"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "TWINROW_SERVICE_BUS_AUTHORITY": str(authority),
        "SERVICEBUS_ENDPOINT_SUFFIX": SUFFIX,
        "TWINROW_SERVICE_BUS_CONTROL": control,
        "TWINROW_SERVICE_BUS_TLS_PORT": str(broker.tls_port),
        "TWINROW_SERVICE_BUS_WEBSOCKET_PORT": str(broker.websocket_port),
        "TWINROW_SERVICE_BUS_KEY_NAME": KEY_NAME,
        "TWINROW_SERVICE_BUS_KEY": KEY,
    }
    options = [
        *("-c", str(here / "pytest.ini"), "--rootdir", str(tests), "--noconftest", "-p", "tests.microsoft.plugin"),
        *("-p", "tests.microsoft.side_by_side", "-q", "-r", "fExX", "--tb", "short", "--durations", "15"),
        *("--show-capture", "no", "--import-mode", "importlib"),
    ]
    arguments = sys.argv[1:] or [str(tests / name) for name in FILES]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    return subprocess.run(command, env=environment, cwd=here, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
