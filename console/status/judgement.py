"""What of all that needs a person: each thing in a sentence that says what to do."""

from collections.abc import Iterable
from datetime import timedelta

from console.heartbeat import WORKER
from console.output import words
from console.status.ages import age
from console.status.findings import Findings
from engine.ledger.open_operations import OpenStatus


def troubles(findings: Findings, late_after: timedelta) -> list[str]:
    """Everything that will not mend itself; empty when all is well."""
    return [*_without_worker(findings), *_late(findings, late_after), *_stopped(findings), *_abandoned(findings)]


def numbers(partitions: Iterable[int]) -> str:
    """Numbers with runs drawn together: ``0-3, 7``."""
    runs: list[list[int]] = []
    for number in sorted(partitions):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _without_worker(findings: Findings) -> Iterable[str]:
    if not any(one.process.serves == WORKER and one.is_alive(findings.now) for one in findings.workers):
        yield "No worker runs: changes wait on the topic. Start one with: twinrow run"
        return
    orphans = [one.partition for one in findings.partitions if one.member is None]
    if orphans:
        yield (
            f"Nobody reads partitions {numbers(orphans)}: if this is so for longer than a minute, the workers are of"
            " another group or topic, or hang. Compare worker.group and topics.changes of their settings."
        )


def _late(findings: Findings, late_after: timedelta) -> Iterable[str]:
    if findings.oldest_at is not None and findings.now - findings.oldest_at > late_after:
        yield (
            f"The oldest unfinished change has waited for {age(findings.now - findings.oldest_at)}. See below whether"
            " a system throttles, and the worker's log; more workers or credentials help where there is too much."
        )


def _stopped(findings: Findings) -> Iterable[str]:
    if count := findings.open_operations.get(OpenStatus.STOPPED):
        yield (
            f"Credentials or privileges are wrong for {count} changes. See which: twinrow parked list --status stopped"
        )


def _abandoned(findings: Findings) -> Iterable[str]:
    for run in findings.runs:
        if not findings.is_carried_out(run):
            yield (
                f"Nobody carries out the {words(run.kind)} {run.id}. Go on with --resume {run.id},"
                f" or end it: twinrow runs cancel {run.id}"
            )
