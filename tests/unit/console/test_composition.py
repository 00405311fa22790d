"""Composition: objects from settings, closed in order; secrets read when they are needed."""

from pathlib import Path

import pytest

from console.composition import Composition
from console.failures import Misconfigured
from schemas.errors import Stop
from schemas.settings_file import load_settings
from schemas.system import System
from schemas.topics import OutgoingMessage
from systems.business_central import BusinessCentral
from systems.dataverse import Dataverse
from systems.in_process import InProcessSystem
from tests.support.command_line import CommandLine


class Closing(InProcessSystem):
    """Notes that it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_everything_is_built_once_and_closed_last_built_first(twinrow: CommandLine) -> None:
    systems = {system: Closing(system) for system in System}
    settings = load_settings(twinrow.settings_file, {})

    with Composition(settings, systems=systems) as composition:
        composition.prepare()
        assert composition.publisher is composition.publisher
        assert composition.systems[System.DATAVERSE] is systems[System.DATAVERSE]
        assert composition.synchronizer is composition.synchronizer
        pool = composition.database.pool

    assert [system.closed for system in systems.values()] == [1, 1]
    assert composition.database.pool is not pool  # disposed: its connections are closed


def test_building_asks_nothing_of_anybody(ledger: Composition) -> None:
    assert isinstance(ledger.systems[System.BUSINESS_CENTRAL], BusinessCentral)
    assert isinstance(ledger.systems[System.DATAVERSE], Dataverse)
    assert ledger.plans["CUSTOMER"].rank > ledger.plans["CURRENCY"].rank


def test_what_is_published_arrives_at_the_group_of_the_settings(ledger: Composition) -> None:
    ledger.publisher.publish(ledger.topic, [OutgoingMessage("key", b"body")])

    subscriber = ledger.subscriber("group", "member")
    (message,) = subscriber.poll(10, 5.0)
    subscriber.close()

    assert message.body == b"body"


def test_another_number_of_partitions_is_refused(twinrow: CommandLine, ledger: Composition) -> None:
    twinrow.write(topics={"partitions": 3})

    with pytest.raises(Stop, match="8 partitions, not 3"):
        twinrow.composition()
    assert ledger.settings.topics.partitions == 8


@pytest.mark.parametrize("missing", ["client_state", "webhook_key"])
def test_a_receiver_without_a_secret_is_a_fault_of_the_settings(twinrow: CommandLine, missing: str) -> None:
    (present,) = {"client_state", "webhook_key"} - {missing}
    twinrow.write(receiver={f"{present}_file": present})

    with twinrow.composition() as composition, pytest.raises(Misconfigured, match=missing):
        composition.receiver_app()


def test_each_principal_has_the_scope_of_its_system(in_sandbox: CommandLine) -> None:
    with in_sandbox.composition() as composition:
        for system, (principal,) in composition.principals.items():
            assert principal.name == "main"
            assert principal.fetch().value
            assert principal.scope.endswith("/.default"), system


def test_a_renewed_secret_is_used_without_a_restart(in_sandbox: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "client_secret"
    right = file.read_text()
    with in_sandbox.composition() as composition:
        (principal,) = composition.principals[System.DATAVERSE]

        file.write_text("wrong")
        with pytest.raises(Stop, match="refuses client"):
            principal.fetch()
        file.write_text(right)
        assert principal.fetch().value
        file.unlink()
        with pytest.raises(Stop, match="cannot be read"):
            principal.fetch()
        assert right not in repr(principal)
