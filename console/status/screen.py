"""How everything stands, on one screen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from console.output import Record, stdout, table_of, words
from console.status.ages import age
from console.status.judgement import numbers

_NOBODY = "nobody"
_SHORT = 8
"""Characters of a name that nobody gave."""

_WORKERS = {
    "Worker": "name",
    "Host": "host",
    "Serves": "serves",
    "Since": "since",
    "Seen": "seen",
    "Partitions": "partitions",
    "Lag": "lag",
    "Unfinished": "unfinished",
    "Oldest": "oldest",
}
_BUDGET = {
    "System": "system",
    "Credential": "credential",
    "Worker": "worker",
    "At once": "at_once",
    "In 5 minutes": "requests",
    "Refused": "refused",
    "Pace": "pace",
}


def show(document: Mapping[str, Any], now: datetime) -> None:
    """Print a :func:`~console.status.document.document`."""
    console = stdout()
    for trouble in document["troubles"]:
        console.print(Text(trouble, style="red"))
    if document["healthy"]:
        console.print(Text("All is well.", style="green"))
    sections = (
        table_of(rows, columns)
        for rows, columns in ((_workers(document, now), _WORKERS), (_budget(document, now), _BUDGET))
        if rows
    )
    for section in sections:
        console.print()
        console.print(section)
    console.print()
    for line in _lines(document, now):
        console.print(line)


def _workers(document: Mapping[str, Any], now: datetime) -> Sequence[Record]:
    partitions: dict[str | None, list[Mapping[str, Any]]] = {one["name"]: [] for one in document["workers"]}
    for one in document["partitions"]:
        partitions.setdefault(one["worker"], []).append(one)
    known = {one["name"]: one for one in document["workers"]}
    return [_worker(name, known.get(name), has, now) for name, has in partitions.items()]


def _worker(
    name: str | None, worker: Mapping[str, Any] | None, has: Sequence[Mapping[str, Any]], now: datetime
) -> Record:
    alive = worker is None or worker["alive"]
    times = [one["oldest_at"] for one in has if one["oldest_at"]]
    if worker and worker["oldest_at"] and alive:
        times.append(worker["oldest_at"])
    return {
        "name": Text(_short(name or _NOBODY), style="" if name and alive else "red"),
        "host": f"{worker['host']}:{worker['pid']}" if worker else "",
        "serves": worker["serves"] if worker else "",
        "since": age(now - worker["started_at"]) if worker else "",
        "seen": (age(now - worker["last_seen"]) if alive else "dead") if worker else "",
        "partitions": numbers(one["partition"] for one in has),
        "lag": sum(one["lag"] for one in has),
        "unfinished": worker["unfinished"] if worker and alive else 0,
        "oldest": age(now - min(times)) if times else "",
    }


def _budget(document: Mapping[str, Any], now: datetime) -> Sequence[Record]:
    shares = sorted(document["budget"], key=lambda one: (one["system"], one["credential"]))
    return [
        {
            "system": words(one["system"]),
            "credential": one["credential"],
            "worker": _short(one["worker"]),
            "at_once": f"{one['in_use']} of {one['at_once']}",
            "requests": f"{one['requests']} of {one['per_5_minutes']}",
            "refused": one["refused"],
            "pace": _pace(one, now),
        }
        for one in shares
    ]


def _pace(share: Mapping[str, Any], now: datetime) -> Text:
    paused = share["paused_until"]
    if paused is not None and paused > now:
        return Text(f"pauses for {age(paused - now)}", style="yellow")
    slow = share["pace_percent"] < 100
    return Text(f"{share['pace_percent']} %", style="yellow" if slow else "")


def _lines(document: Mapping[str, Any], now: datetime) -> Sequence[Text]:
    oldest = document["oldest_at"]
    counts = ", ".join(f"{status} {count}" for status, count in document["open_operations"].items())
    return [
        Text(f"Oldest unfinished change: {age(now - oldest) if oldest else 'none'}"),
        Text(f"Open operations: {counts or 'none'}"),
        *(
            Text(f"{words(run['kind']).capitalize()} {run['id']}: {run['state']} since {age(now - run['started_at'])}")
            for run in document["runs"]
        ),
    ]


def _short(name: str) -> str:
    return name if len(name) <= 2 * _SHORT else f"{name[:_SHORT]}…"
