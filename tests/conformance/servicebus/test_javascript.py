"""Queues and sessions, as Microsoft's client for JavaScript sees them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servicebus.broker import ServiceBusBroker

FOLDER = Path(__file__).parents[2] / "javascript"


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with the client installed beside the scripts."""
    found, npm = shutil.which("node"), shutil.which("npm")
    assert found is not None, "Node.js 20 or newer is needed for the tests with Microsoft's client for JavaScript"
    assert npm is not None, "npm is needed for the tests with Microsoft's client for JavaScript"
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"])
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{command[:2]} failed:\n{done.stderr}"
    return done.stdout


def _seen(node: str, script: str, broker: ServiceBusBroker, queue: str) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(_run([node, script, broker.connection_string, queue]))
    return seen


def test_a_queue_is_sent_to_received_from_and_settled_in_every_way(node: str, broker: ServiceBusBroker) -> None:
    assert _seen(node, "client.mjs", broker, "q") == {
        "received": {"body": "complete", "messageId": "1", "color": "red", "deliveryCount": 0, "sequenceNumber": 1},
        "renewed": True,
        "abandoned": {"body": "abandon", "deliveryCount": 1},
        "deferred": "defer",
        "buried": {"body": "bury", "reason": "why", "description": "because"},
        "peeked": [["later", "scheduled"]],
    }
    assert broker.count("q") == broker.count("q/$DeadLetterQueue") == 0


def test_sessions_are_accepted_renewed_and_remember(node: str, broker: ServiceBusBroker) -> None:
    assert _seen(node, "session_client.mjs", broker, "s") == {
        "bodies": ["a", "c"],
        "state": "half done",
        "renewed": True,
        "next": "two",
    }
    assert broker.count("s") == 1


def test_rules_say_what_a_subscription_gets(node: str, broker: ServiceBusBroker) -> None:
    for name in ("sql", "correlation", "none"):
        broker.create_subscription("t", name)
    assert _seen(node, "rule_client.mjs", broker, "t") == {
        "rules": [["big", {"sqlExpression": "size > 2"}]],
        "sql": ["large"],
        "correlation": ["small"],
        "none": [],
    }
