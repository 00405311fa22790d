"""The web receiver as the systems see it: at its public address, and willing to shake hands."""

from collections.abc import Iterator
from secrets import token_urlsafe

import httpx2

from console.doctor.check import Check, look
from schemas.errors import Retry, Stop
from schemas.settings import Receiver

_ADVICE = "Start it with twinrow receive or twinrow run --receiver, and check receiver.public_url and what is between."


def checks(receiver: Receiver) -> Iterator[Check]:
    """None where the settings have no public address."""
    url = receiver.public_url
    if url is None:
        return
    yield _secrets(receiver)
    reached = look("Receiver", lambda: _reach(url), _ADVICE)
    yield reached
    if reached.ok:
        yield look("Receiver: handshake", lambda: _shake_hands(url), _ADVICE)


def _secrets(receiver: Receiver) -> Check:
    missing = [name for name in ("client_state", "webhook_key") if not receiver.secret(name)]
    if missing:
        remedy = "Name a file with each: " + ", ".join(f"receiver.{name}_file" for name in missing)
        return Check("Receiver: secrets", False, f"missing: {', '.join(missing)}", remedy)
    return Check("Receiver: secrets", True, "both are there")


def _reach(url: str) -> str:
    if not _request("GET", f"{url}/healthz").is_success:
        raise Stop(f"{url} answers, but is not the receiver")
    return f"reached at {url}"


def _shake_hands(url: str) -> str:
    """As Business Central does before it makes a subscription (*Working with webhooks*)."""
    token = token_urlsafe(16)
    answer = _request("POST", f"{url}/business-central?validationToken={token}")
    if not answer.is_success or answer.text != token:
        raise Stop(f"{url}/business-central does not repeat the token: it answered {answer.status_code}")
    return "repeats Business Central's token"


def _request(method: str, url: str) -> httpx2.Response:
    try:
        return httpx2.request(method, url, timeout=10)
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        raise Retry(f"{url} cannot be reached ({type(error).__name__}: {error})") from error
