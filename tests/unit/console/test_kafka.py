"""Kafka on the command line: its settings, ``topics``, ``doctor``; connections and tokens as the settings say."""

from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError, SaslAuthenticationFailedError

from console.brokers.kafka_tokens import KafkaTokens
from console.brokers.sources import relay_of
from console.composition import Composition
from consumers.dead_letters import DeadLetters
from engine.ledger import dead_letters
from engine.ledger.database import read
from schemas import json_codec
from schemas.errors import Retry, Stop
from schemas.settings_file import SettingsFaults, load_settings
from schemas.topic_keeping import WantedTopic
from schemas.topics import OutgoingMessage
from systems.credentials import Token
from tests.support.command_line import CommandLine
from tests.support.eventually import eventually
from tests.support.kafka.cluster import Cluster
from tests.support.notifications import ACCOUNT, context


@pytest.fixture
def on_kafka(in_sandbox: CommandLine, kafka: Cluster) -> CommandLine:
    """Commands with settings that reach the sandbox and Kafka."""
    in_sandbox.write(
        topics={"broker": "kafka", "changes": f"test-{uuid4().hex[:12]}", "partitions": 3, "retention_days": 2},
        kafka={"bootstrap_servers": kafka.bootstrap.split(","), "replication_factor": 1},
    )
    return in_sandbox


def test_topics_are_made_and_listed(on_kafka: CommandLine) -> None:
    changes = load_settings(on_kafka.settings_file, {}).topics.changes
    made = on_kafka("topics", "create")
    again = on_kafka("topics", "create")
    listed = {one["topic"]: one for one in on_kafka("topics", "list", "--json").json}

    assert (made.code, again.code) == (0, 0)
    assert f"Made {changes} with 3 partitions." in made.stderr
    assert f"{changes}.dead-letters with 3 partitions is there already." in again.stderr
    assert listed[changes] == {
        "topic": changes,
        "partitions": 3,
        "retention_days": 2.0,
        "retention_bytes": None,
        "replicas": 1,
    }


def test_topics_of_the_embedded_log_are_made_and_listed(twinrow: CommandLine, ledger: Composition) -> None:
    twinrow.write(topics={"changes": "another"})
    assert "Made another with 8 partitions." in twinrow("topics", "create").stderr
    assert [one["topic"] for one in twinrow("topics", "list", "--json").json] == ["another", ledger.topic]


def test_doctor_finds_the_topics_in_order_or_says_how_to_mend_them(on_kafka: CommandLine, kafka: Cluster) -> None:
    changes = load_settings(on_kafka.settings_file, {}).topics.changes
    before = on_kafka("doctor", "--json")
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        configs = {"cleanup.policy": "compact", "retention.ms": "-1", "message.timestamp.type": "LogAppendTime"}
        admin.create_topics(
            {changes: {"num_partitions": 3, "replication_factor": 1, "configs": configs}}, wait_for_metadata=True
        )
    after = on_kafka("doctor", "--json")

    assert before.code == 0
    assert {one["found"] for one in before.json if one["what"] == "Topic"} == {
        f"{name} is not there yet; the worker makes it when it starts" for name in (changes, f"{changes}.dead-letters")
    }
    (fault,) = [one for one in after.json if not one["ok"]]
    assert (after.code, fault["what"]) == (3, "Topic")
    assert "cleanup.policy=delete" in fault["remedy"]


def test_doctor_says_that_no_broker_is_there(in_sandbox: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.kafka.clients.BOOTSTRAP_TIMEOUT", 0.2)
    in_sandbox.write(topics={"broker": "kafka"}, kafka={"bootstrap_servers": ["127.0.0.1:9"]})
    (fault,) = [one for one in in_sandbox("doctor", "--json").json if not one["ok"]]
    assert fault["what"] == "Broker"
    assert "127.0.0.1:9" in fault["found"]


@pytest.mark.parametrize(
    ("kafka", "advice"),
    [
        (None, "needs a section kafka"),
        ({"bootstrap_servers": ["kafka"]}, "should be host:port"),
        ({"security": "SASL_SSL"}, "needs a mechanism"),
        ({"mechanism": "PLAIN"}, "needs a mechanism with SASL_SSL"),
        ({"security": "SASL_SSL", "mechanism": "PLAIN", "user": "me"}, "needs user and password_file"),
        ({"security": "SASL_SSL", "mechanism": "OAUTHBEARER"}, "needs credentials with a scope"),
        ({"security": "SSL", "key_file": "key.pem"}, "needs certificate_file and key_file together"),
    ],
)
def test_settings_of_kafka_that_cannot_work_are_told(
    twinrow: CommandLine, kafka: dict[str, Any] | None, advice: str
) -> None:
    section = {} if kafka is None else {"kafka": {"bootstrap_servers": ["kafka:9092"]} | kafka}
    twinrow.write(topics={"broker": "kafka"}, **section)
    with pytest.raises(SettingsFaults, match=advice):
        load_settings(twinrow.settings_file, {})


def test_a_lasting_name_is_one_that_kafka_takes(twinrow: CommandLine) -> None:
    twinrow.write(topics={"broker": "kafka"}, kafka={"bootstrap_servers": ["kafka:9092"]}, worker={"member": "w 1"})
    with pytest.raises(SettingsFaults, match=r"worker\.member should be letters"):
        load_settings(twinrow.settings_file, {})


def test_a_certificate_that_cannot_be_used_is_told_and_its_password_is_not(
    twinrow: CommandLine, tmp_path: Path
) -> None:
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_text("no PEM")
    files = {"certificate_file": "certificate.pem", "key_file": "key.pem"}
    twinrow.write(topics={"broker": "kafka"}, kafka={"bootstrap_servers": ["kafka:9093"], "security": "SSL"} | files)
    settings = load_settings(twinrow.settings_file, {"TWINROW_KAFKA__KEY_PASSWORD": "hunter2"})

    with Composition(settings) as composition, pytest.raises(Stop, match=r"certificate\.pem cannot be used") as caught:
        composition.broker.publisher()
    assert "hunter2" not in caught.value.text


def test_a_password_authenticates_and_shows_nowhere(twinrow: CommandLine) -> None:
    sasl = {"security": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "user": "twinrow"}
    twinrow.write(topics={"broker": "kafka"}, kafka={"bootstrap_servers": ["kafka:9093"]} | sasl)
    settings = load_settings(twinrow.settings_file, {"TWINROW_KAFKA__PASSWORD": "hunter2"})
    with Composition(settings) as composition:
        broker: Any = composition.broker
        assert broker._options["sasl_plain_password"] == "hunter2"
        assert broker._options["sasl_mechanism"] == "SCRAM-SHA-512"
        assert broker._options["ssl_context"].check_hostname
    assert "hunter2" not in repr(settings)


class Source:
    """Gives a new token each time, or trouble."""

    client_id = "client"

    def __init__(self) -> None:
        self.given = 0
        self.trouble: Stop | Retry | None = None

    def fetch(self) -> Token:
        if self.trouble is not None:
            raise self.trouble
        self.given += 1
        return Token(f"token {self.given}", expires_at=1000.0 * self.given)


def test_a_token_is_bought_once_and_again_before_it_ends() -> None:
    now = 0.0
    tokens = KafkaTokens(Source(), clock=lambda: now)
    assert [tokens.token(), tokens.token()] == ["token 1"] * 2
    now = 950.0
    assert tokens.token() == "token 2"


@pytest.mark.parametrize(
    ("trouble", "kind"), [(Stop("refused"), SaslAuthenticationFailedError), (Retry("away"), KafkaConnectionError)]
)
def test_trouble_with_tokens_is_trouble_with_the_connection(trouble: Stop | Retry, kind: type[Exception]) -> None:
    source = Source()
    source.trouble = trouble
    with pytest.raises(kind, match=trouble.text):
        KafkaTokens(source).token()


def test_a_further_topic_is_relayed_onto_that_of_changes(on_kafka: CommandLine) -> None:
    raw = f"raw-{uuid4().hex[:12]}"
    settings = load_settings(on_kafka.settings_file, {})
    assert settings.kafka is not None
    on_kafka.write(
        topics=settings.topics.model_dump(mode="json", exclude_none=True),
        kafka=settings.kafka.model_dump(mode="json", exclude_none=True),
        sources=[{"broker": "kafka", "topic": raw}],
        worker={"group": raw},
    )
    with on_kafka.composition() as composition:
        topics = composition.broker.topics()
        topics.create(WantedTopic(raw, 1, timedelta(days=1)))
        topics.close()
        composition.publisher.publish(raw, [OutgoingMessage("", json_codec.encode(context()))])
        composition.publisher.publish(raw, [OutgoingMessage("", b"not a change")])
        source = composition.settings.sources[0]
        letters = DeadLetters(composition.database, composition.publisher, None, clock=composition.clock)
        relay = relay_of(source, composition.broker_context, composition.publisher, letters, monotonic=monotonic)
        relayed = 0

        def both() -> bool:
            nonlocal relayed
            relayed += relay.turn(0.5)
            return relayed == 2

        eventually(both, within=30)
        reader = composition.subscriber(f"replay-{raw}", "reader")
        (message,) = eventually(lambda: reader.poll(10, 0.5), within=30)
        reader.close()
        relay.run(_over(), 0.1)
        with read(composition.database) as connection:
            (letter,) = dead_letters.listed(connection)

    assert message.key == f"dataverse:account:{ACCOUNT}"
    assert (letter.topic, letter.body) == (raw, b"not a change")


def _over() -> Event:
    """For a relay that is only to close."""
    event = Event()
    event.set()
    return event
