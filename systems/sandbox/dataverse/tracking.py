"""Change tracking: everything once, then what changed since, by version."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from systems.sandbox.dataverse.answers import Preferences
from systems.sandbox.dataverse.collection import link, options_of, size_of
from systems.sandbox.dataverse.errors import ApiError, bad_request
from systems.sandbox.dataverse.presentation import Presentation, selected
from systems.sandbox.dataverse.rows import Rows
from systems.sandbox.dataverse.tables import TableDefinition
from systems.sandbox.exchange import Request
from systems.sandbox.index import sort_key
from systems.sandbox.store import Record

EXPIRES_AFTER = timedelta(days=7)
_REFUSED = ("$filter", "$orderby", "$expand", "$top")
_TIME = "%m/%d/%Y %H:%M:%S"
_DELTA = re.compile(r"(?P<version>\d+)!(?P<time>[\d/]+ [\d:]+)")
_PLACE = re.compile(r"tracked:(?P<until>\d+):(?P<deleted>[01]):(?P<version>\d+)")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a pass through the changes stands.

    Attributes:
        until: the version at which the pass began; later changes belong to the next one.
        deleted: whether it has come to the deleted rows.
        version: the last one seen.
    """

    until: int
    deleted: bool
    version: int

    def token(self) -> str:
        return f"tracked:{self.until}:{int(self.deleted)}:{self.version}"


class ChangeTracking:
    """Answers reads with ``Prefer: odata.track-changes``, and delta links."""

    def __init__(self, rows: Rows, presentation: Presentation) -> None:
        self._rows = rows
        self._presentation = presentation

    def read(
        self, definition: TableDefinition, request: Request, wanted: Preferences, context: str
    ) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it is a first read and not a delta.

        Raises:
            ApiError: an option does not go with change tracking, or the token has expired.
        """
        for name in _REFUSED:
            if name in request.query:
                message = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
                raise bad_request(message)
        options = options_of(request)
        delta = request.query.get("$deltatoken")
        since = 0 if delta is None else self._since(delta)
        place = _Place(self._rows.store.version, deleted=False, version=since)
        if options.skiptoken is not None:
            place = _place(options.skiptoken)
        size = size_of(wanted)
        changed = [] if place.deleted else self._changed(definition, place, size + 1)
        columns = selected(definition, options.select)
        value = [self._presentation.shown(definition, row, columns, wanted.annotations) for row in changed[:size]]
        more = len(changed) > size
        after = _Place(place.until, deleted=False, version=changed[size - 1].version) if more else None
        if not more and delta is not None:
            gone_after = place.version if place.deleted else since
            gone = self._gone(definition, gone_after, place.until, size - len(value) + 1)
            room = size - len(value)
            value += [_deleted(row, context) for row in gone[:room]]
            if len(gone) > room:
                after = _Place(place.until, deleted=True, version=gone[room - 1].version if room else gone_after)
        answer: dict[str, Any] = {"@odata.context": context if delta is None else f"{context}/$delta"}
        if after is not None:
            kept = {} if delta is None else {"$deltatoken": delta}
            answer["@odata.nextLink"] = link(request, {**kept, "$skiptoken": after.token()})
        else:
            answer["@odata.deltaLink"] = self._delta_link(request, place.until)
        return {**answer, "value": value}, delta is None

    def _changed(self, definition: TableDefinition, place: _Place, limit: int) -> list[Record]:
        return self._by_version(self._rows.table(definition), place.version, place.until, limit)

    def _gone(self, definition: TableDefinition, after: int, until: int, limit: int) -> list[Record]:
        return self._by_version(self._rows.tombstones(definition), after, until, limit)

    def _by_version(self, table: Any, after: int, until: int, limit: int) -> list[Record]:
        index = table.ordered("versionnumber")
        start = index.position(sort_key({"versionnumber": after + 1}, ("versionnumber",)))
        found: list[Record] = []
        for row_id in index.ids(start):
            record = table.get(row_id)
            if record.version > until or len(found) == limit:
                break
            found.append(record)
        return found

    def _delta_link(self, request: Request, version: int) -> str:
        token = f"{version}!{self._rows.store.clock().astimezone(UTC).strftime(_TIME)}"
        # Escaped letter by letter, as the platform does.
        url = link(request, {})
        separator = "" if url.endswith("?") else "&"
        return f"{url}{separator}$deltatoken={quote(token, safe='')}"

    def _since(self, token: str) -> int:
        match = _DELTA.fullmatch(token)
        if match is None:
            raise bad_request("Invalid delta token.")
        issued = datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
        if issued < self._rows.store.clock() - EXPIRES_AFTER:
            message = "Version stamp associated with the client has expired. Please perform a full sync."
            raise ApiError(self._rows.quirks.expired_token_status, "0x80044352", message)
        return int(match["version"])


def _place(token: str) -> _Place:
    match = _PLACE.fullmatch(token)
    if match is None:
        raise bad_request("Invalid skip token.")
    return _Place(int(match["until"]), match["deleted"] == "1", int(match["version"]))


def _deleted(row: Record, context: str) -> dict[str, Any]:
    return {"@odata.context": f"{context.partition('(')[0]}/$deletedEntity", "id": row.id, "reason": "deleted"}
