"""How everything stands, as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.run_report import run_record
from console.status.findings import Findings
from engine.ledger.worker_list import Worker
from schemas.system import System


def document(findings: Findings, troubles: Sequence[str], names: Mapping[System, Mapping[str, str]]) -> dict[str, Any]:
    """Everything that was found. ``names``: what the settings call a credential, by client id."""
    return {
        "healthy": not troubles,
        "troubles": troubles,
        "oldest_at": findings.oldest_at,
        "workers": [_worker(one, findings) for one in findings.workers],
        "partitions": [
            {
                "topic": one.topic,
                "partition": one.partition,
                "worker": one.member,
                "lag": one.lag,
                "oldest_at": one.oldest_at,
            }
            for one in findings.partitions
        ],
        "budget": [
            {
                "system": share.system,
                "credential": names[share.system].get(share.credential, share.credential),
                "worker": worker.process.name,
                "at_once": share.share.at_once,
                "per_5_minutes": share.share.per_window,
                "in_use": share.in_use,
                "requests": share.requests,
                "refused": share.refused,
                "pace_percent": share.pace_percent,
                "paused_until": share.paused_until,
            }
            for worker in findings.workers
            for share in worker.budget
        ],
        "open_operations": {status.value: count for status, count in findings.open_operations.items()},
        "runs": [{**run_record(run), "alive": findings.is_carried_out(run)} for run in findings.runs],
    }


def _worker(worker: Worker, findings: Findings) -> dict[str, Any]:
    process = worker.process
    return {
        "name": process.name,
        "host": process.host,
        "pid": process.pid,
        "version": process.version,
        "serves": process.serves,
        "alive": worker.is_alive(findings.now),
        "started_at": worker.started_at,
        "last_seen": worker.last_seen,
        "unfinished": worker.backlog.unfinished,
        "oldest_at": worker.backlog.oldest_at,
    }
