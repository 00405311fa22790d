"""Who may come in: shared access signatures are checked, tokens of Microsoft Entra are believed."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs, quote_plus, unquote_plus

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.namespace import entity_path

_SIGNATURE = "SharedAccessSignature "


class Access:
    """The keys of a namespace by their names."""

    def __init__(self, keys: dict[str, str], clock: Callable[[], float]) -> None:
        self.keys = keys
        self._clock = clock

    def check(self, token: str, audience: str) -> None:
        """Nothing, if the token opens the audience.

        Raises:
            AmqpError: it does not.
        """
        if not token.startswith(_SIGNATURE):
            if not token:
                raise _refused("InvalidToken: The token is empty.")
            return
        fields = {name: values[0] for name, values in parse_qs(token.removeprefix(_SIGNATURE)).items()}
        key = self.keys.get(fields.get("skn", ""))
        resource, expires = fields.get("sr", ""), fields.get("se", "0")
        if key is None or not any(
            hmac.compare_digest(_signature(key, written, expires), fields.get("sig", ""))
            for written in (quote_plus(resource), resource, quote_plus(resource).lower())
        ):
            raise _refused("InvalidSignature: The token has an invalid signature.")
        if float(expires) < self._clock():
            raise _refused("ExpiredToken: The token is expired.")
        if not covers(entity_path(unquote_plus(resource)), entity_path(audience)):
            raise _refused("InvalidAudience: The authorization header contains a token for another resource.")


def covers(granted: str, path: str) -> bool:
    """Whether a token for one path opens another."""
    return granted in ("", path) or path.startswith(f"{granted}/")


def _signature(key: str, resource: str, expires: str) -> str:
    signed = hmac.new(key.encode(), f"{resource}\n{expires}".encode(), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _refused(why: str) -> AmqpError:
    return AmqpError("amqp:unauthorized-access", why, status=401)
