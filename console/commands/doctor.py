"""``doctor``: whether everything around the program is as it must be."""

from collections.abc import Iterator

import typer
from rich.text import Text

from console.composition import Composition
from console.doctor import database, receiver, systems, topics
from console.doctor.check import Check
from console.failures import ExitCode
from console.output import AsJson, print_json, stdout
from console.session import session_of
from schemas.system import System


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check database, broker, both systems, receiver, clocks and disk; say what is wrong and how to mend it."""
    done: list[Check] = []
    with session_of(context).compose() as composition:
        composition.loaded  # noqa: B018 - faulty mappings end it here, before anything is asked
        for check in _checks(composition):
            done.append(check)
            if not as_json:
                _print(check)
    if as_json:
        print_json(done)
    raise typer.Exit(ExitCode.DONE if all(check.ok for check in done) else ExitCode.ENVIRONMENT)


def _checks(composition: Composition) -> Iterator[Check]:
    yield from database.checks(composition)
    if composition.settings.topics.broker != "embedded":  # which is in the database
        reached = topics.broker_check(composition.broker)
        yield reached
        if reached.ok:
            yield from topics.checks(composition.broker)
    if composition.settings.service_bus is not None:
        from console.doctor import service_bus  # takes long to import, and few need it

        yield from service_bus.checks(composition)
    for system in System:
        yield from systems.checks(composition, system)
    yield from receiver.checks(composition.settings.receiver)


def _print(check: Check) -> None:
    mark = ("ok    ", "green") if check.ok else ("wrong ", "bold red")
    stdout().print(Text.assemble(mark, (check.what, "bold"), f": {check.found}"))
    if check.remedy:
        stdout().print(Text(f"      {check.remedy}"))
