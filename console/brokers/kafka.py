"""Kafka, as the settings reach it."""

import ssl
from functools import cached_property
from pathlib import Path
from typing import Any

from brokers.kafka.topics import KafkaTopics
from console.brokers.broker import Broker
from console.brokers.kafka_tokens import KafkaTokens
from console.principals import Principal
from consumers.kafka import KafkaSubscriber
from consumers.kafka_group_status import KafkaGroupStatus
from producers.kafka import KafkaPublisher
from schemas.errors import Stop
from schemas.settings import Kafka
from schemas.topics import RevokeListener


class KafkaBroker(Broker):
    """See the module's docstring."""

    @property
    def address(self) -> str:
        return f"Kafka at {', '.join(self._kafka.bootstrap_servers)}"

    def publisher(self) -> KafkaPublisher:
        return KafkaPublisher(self._options)

    def subscriber(
        self,
        group: str,
        member: str,
        on_revoke: RevokeListener | None = None,
        *,
        lasting: bool = False,
        topic: str | None = None,
    ) -> KafkaSubscriber:
        """``topic``: another one than that of changes."""
        return KafkaSubscriber(
            {**self._options, "client_id": member},
            [topic or self._context.settings.topics.changes],
            group,
            on_revoke,
            instance=member if lasting else None,
            session_timeout=self._kafka.session_timeout,
        )

    def group_status(self, group: str) -> KafkaGroupStatus:
        return KafkaGroupStatus(self._options, self._context.settings.topics.changes, group)

    def topics(self) -> KafkaTopics:
        return KafkaTopics(self._options, self._kafka.replication_factor)

    def forget_old_messages(self) -> None:
        """Nothing to do: Kafka does it by itself."""

    @property
    def _kafka(self) -> Kafka:
        kafka = self._context.settings.kafka
        if kafka is None:
            raise ValueError("settings with the broker kafka and no section kafka")
        return kafka

    @cached_property
    def _options(self) -> dict[str, Any]:
        """Of kafka-python's clients."""
        kafka = self._kafka
        options: dict[str, Any] = {
            "bootstrap_servers": list(kafka.bootstrap_servers),
            "client_id": "twinrow",
            "security_protocol": kafka.security,
        }
        if kafka.security.endswith("SSL"):
            options["ssl_context"] = _tls(kafka)
        if kafka.mechanism is not None:
            options["sasl_mechanism"] = kafka.mechanism
        if kafka.credentials is not None and kafka.credentials.scope is not None:
            principal = Principal("kafka", kafka.credentials, kafka.credentials.scope)
            options["sasl_oauth_token_provider"] = KafkaTokens(principal)
        elif kafka.mechanism is not None:
            options["sasl_plain_username"] = kafka.user
            options["sasl_plain_password"] = _secret(kafka, "password")
        return options


def _tls(kafka: Kafka) -> ssl.SSLContext:
    reading: Path | None = kafka.ca_file
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
        reading = kafka.certificate_file
        if kafka.certificate_file is not None:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file, _secret(kafka, "key_password") or "")
    except OSError as error:  # ssl.SSLError is one
        text = f"{reading} cannot be used for connections to Kafka: {error.strerror or type(error).__name__}"
        raise Stop(f"{text}. It should be PEM, with the key that belongs to it.", code="certificate") from None
    return context


def _secret(kafka: Kafka, name: str) -> str | None:
    try:
        return kafka.secret(name)
    except OSError as error:
        raise Stop(f"kafka.{name}_file cannot be read: {error.strerror}.", code="credentials") from error
