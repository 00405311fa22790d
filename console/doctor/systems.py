"""Both systems of record: tokens, the API, the company, the mapped tables and columns, the clock."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import httpx2

from console.composition import Composition
from console.doctor.check import Check, look
from console.online_checks import unknown_columns
from console.output import words
from console.principals import Principal
from schemas.budget import Allowance
from schemas.errors import Stop
from schemas.system import System
from systems.budget import Budget
from systems.http import Answer, HttpPool, whole_refusal

_SKEW = timedelta(seconds=30)
"""How far the clocks may differ: searches by time allow for more, so this warns early."""


def checks(composition: Composition, system: System) -> Iterator[Check]:
    """All of one system; the later ones only where the first credential gets a token."""
    name = words(system)
    tokens = [
        look(f"{name}: credentials {principal.name}", partial(_token, principal))
        for principal in composition.principals[system]
    ]
    yield from tokens
    if not tokens[0].ok:
        return
    probe = _Probe(composition, system)
    reached = look(f"{name}: API", probe.ask)
    yield reached
    if reached.ok:
        yield probe.clock_check()
        yield look(f"{name}: tables and columns", lambda: _columns(composition, system))


def _token(principal: Principal) -> str:
    principal.fetch()
    return f"client {principal.client_id} gets a token"


def _columns(composition: Composition, system: System) -> str:
    loaded = composition.loaded
    unknown = unknown_columns(loaded, {system: composition.systems[system]})
    if unknown:
        raise Stop("; ".join(map(str, unknown)))
    return f"all that {len(loaded.mappings.mappings)} mappings name are there"


class _Probe:
    """One request to a system's API."""

    def __init__(self, composition: Composition, system: System) -> None:
        self._composition = composition
        self._system = system
        self._name = words(system)
        self._response: httpx2.Response | None = None
        self._asked_at = composition.clock()

    def ask(self) -> str:
        """What the API says of itself.

        Raises:
            Retry, Stop: it is away, or refuses.
        """
        section = (
            self._composition.settings.business_central
            if self._system is System.BUSINESS_CENTRAL
            else self._composition.settings.dataverse
        )
        first = self._composition.principals[self._system][:1]
        pool = HttpPool(
            self._name,
            first,
            budget=Budget(self._name, [one.client_id for one in first], Allowance(at_once=1, per_window=100)),
            headers={"Accept": "application/json"},
            connect_timeout=section.timeouts.connect,
            read_timeout=section.timeouts.read,
        )
        with closing(pool):
            self._asked_at = self._composition.clock()
            self._response = pool.send("GET", f"{section.url}/{self._path()}")
        answer = Answer.of(self._response)
        if refusal := whole_refusal(answer, self._name, writes=False):
            raise refusal
        if not answer.ok or not isinstance(answer.document, dict):
            raise Stop(f"{section.url} answered {answer.status}: {answer.message}. {self._advice()}")
        return self._found(answer.document)

    def clock_check(self) -> Check:
        """Whether the system's clock and ours agree."""
        what = f"{self._name}: clock"
        date = _date(self._response)
        if date is None:
            return Check(what, True, "the answer has no date")
        skew = abs(date - self._asked_at)
        found = f"{skew.total_seconds():.0f} s apart from this machine's"
        return Check(what, skew <= _SKEW, found, "" if skew <= _SKEW else "Set this machine's clock (NTP).")

    def _path(self) -> str:
        if self._system is System.DATAVERSE:
            return "api/data/v9.2/WhoAmI"
        return f"api/v2.0/companies({self._composition.settings.business_central.company})"

    def _found(self, document: dict[str, object]) -> str:
        if self._system is System.DATAVERSE:
            return f"reached as user {document.get('UserId')}"
        return f"reached, company {document.get('displayName') or document.get('name')}"

    def _advice(self) -> str:
        if self._system is System.DATAVERSE:
            return "Check dataverse.url."
        return "Check business_central.url and business_central.company."


def _date(response: httpx2.Response | None) -> datetime | None:
    header = response.headers.get("date") if response is not None else None
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
