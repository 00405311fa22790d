"""Shared access signatures."""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

import pytest

from tests.servicebus.access import Access
from tests.servicebus.amqp.errors import AmqpError

_NOW = 1_000_000.0


def _access() -> Access:
    return Access({"key": "secret"}, lambda: _NOW)


def _token(resource: str, *, key: str = "secret", name: str = "key", expires: int = 1_000_060) -> str:
    quoted = quote_plus(resource)
    digest = hmac.new(key.encode(), f"{quoted}\n{expires}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={quoted}&sig={signature}&se={expires}&skn={name}"


@pytest.mark.parametrize("resource", ["sb://host/", "sb://host/q", "amqp://host:5671/Q"])
def test_a_signature_opens_what_it_was_made_for(resource: str) -> None:
    _access().check(_token(resource), "sb://host/q")


def test_a_token_that_is_no_signature_is_believed() -> None:
    _access().check("eyJ0eXAi", "sb://host/q")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (_token("sb://host/q", key="wrong"), "InvalidSignature"),
        (_token("sb://host/q", name="nobody"), "InvalidSignature"),
        (_token("sb://host/q", expires=999_999), "ExpiredToken"),
        (_token("sb://host/other"), "InvalidAudience"),
        (_token("sb://host/q/sub"), "InvalidAudience"),
        ("", "InvalidToken"),
    ],
)
def test_any_other_is_refused(token: str, why: str) -> None:
    with pytest.raises(AmqpError, match=why) as raised:
        _access().check(token, "sb://host/q")
    assert raised.value.status == 401
