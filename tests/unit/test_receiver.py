"""The web receiver: nothing is lost, nothing unvouched gets in, and no answer costs a subscription."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from producers import receiver
from schemas import incoming, json_codec
from schemas.change_event import ChangeEvent
from schemas.errors import DeadLetter, Retry, Skip, Stop
from schemas.topics import OutgoingMessage, Publisher
from tests.support.notifications import ACCOUNT, COMPANY, CUSTOMER, context, entry, notification

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KEY = {"x-twinrow-key": "our-key"}
NOW = datetime(2026, 3, 5, 6, 8, tzinfo=UTC)


class Topic(Publisher):
    """Keeps what is published, or fails."""

    def __init__(self) -> None:
        self.batches: list[list[OutgoingMessage]] = []
        self.trouble: Exception | None = None

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        assert topic == "changes"
        if self.trouble:
            raise self.trouble
        self.batches.append(list(messages))

    def close(self) -> None:
        self.batches.clear()

    @property
    def messages(self) -> list[OutgoingMessage]:
        return [message for batch in self.batches for message in batch]

    @property
    def events(self) -> list[ChangeEvent]:
        return [event for message in self.messages for event in incoming.events(message.body, headers=message.headers)]


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def client(topic: Topic) -> Iterator[TestClient]:
    app = receiver.create_app(
        topic, "changes", client_state="our-state", webhook_key="our-key", new_id=lambda: "new", clock=lambda: NOW
    )
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_handshake_answers_with_the_bare_token_before_anything_is_read(client: TestClient, method: str) -> None:
    answer = client.request(method, "/business-central?validationToken=a%2Bb%20%3D", content=b"not json")
    assert (answer.status_code, answer.text) == (200, "a+b =")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_notification_is_on_the_topic_once_it_is_accepted(client: TestClient, topic: Topic) -> None:
    answer = client.post("/business-central", json=notification(entry(), entry(change_type="deleted")))
    assert answer.status_code == 202
    assert [event.record_id for event in topic.events] == [CUSTOMER, CUSTOMER]
    assert {message.key for message in topic.messages} == {f"business_central:customers:{CUSTOMER}"}
    assert len(topic.batches) == 1


@pytest.mark.parametrize("wrong", ["someone-else", "", None, "Our-state", "vår-tilstand"])
def test_entries_that_nobody_vouches_for_are_dropped_and_counted(
    client: TestClient, topic: Topic, wrong: str | None
) -> None:
    with capture_logs() as logs:
        answer = client.post("/business-central", json=notification(entry(clientState=wrong), entry()))
    assert answer.status_code == 202
    assert len(topic.events) == 1
    assert [log["dropped"] for log in logs] == [1]


def test_a_notification_that_nobody_vouches_for_is_accepted_and_publishes_nothing(
    client: TestClient, topic: Topic
) -> None:
    assert client.post("/business-central", json=notification(entry(clientState="x"))).status_code == 202
    assert topic.batches == []


def test_a_bad_entry_goes_onto_the_topic_as_refused_and_without_the_secret(client: TestClient, topic: Topic) -> None:
    answer = client.post("/business-central", json=notification(entry(), entry(change_type="renamed")))
    assert answer.status_code == 202
    good, bad = topic.messages
    assert [event.record_id for event in incoming.events(good.body)] == [CUSTOMER]
    assert bad.key == "unreadable:new"
    assert bad.headers["twinrow-unreadable"].startswith("bad_notification_entry: ")
    assert b"our-state" not in bad.body
    assert b"renamed" in bad.body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"value": [', "not_json"),
        (b"", "not_json"),
        (b"<xml/>", "xml"),
        (b'{"value": [{"id": "1"}]}', "not_a_notification"),
        (b'{"ProviderName": "x", "Request": "["}', "bad_notification"),
        (json_codec.encode(context()), "not_a_notification"),
        (b'{"specversion": "1.0"}', "not_a_notification"),
    ],
)
def test_what_is_no_notification_is_accepted_and_goes_onto_the_topic_as_refused(
    client: TestClient, topic: Topic, body: bytes, code: str
) -> None:
    assert client.post("/business-central", content=body).status_code == 202
    [message] = topic.messages
    assert message.body == body
    with pytest.raises(DeadLetter) as error:
        incoming.events(message.body, headers=message.headers)
    assert error.value.code == code


@pytest.mark.parametrize("header", [KEY, {}])
@pytest.mark.parametrize("query", ["", "?code=our-key"])
def test_a_context_needs_the_key_in_header_or_query(
    client: TestClient, topic: Topic, header: dict[str, str], query: str
) -> None:
    answer = client.post(f"/dataverse{query}", json=context(), headers=header)
    known = bool(header or query)
    assert answer.status_code == (202 if known else 401)
    assert [event.record_id for event in topic.events] == ([ACCOUNT] if known else [])


@pytest.mark.parametrize("key", ["our-key ", "our-ke", "OUR-KEY", "n\u00f8kkel", ""])
def test_a_wrong_key_is_refused_before_the_body_is_read(client: TestClient, topic: Topic, key: str) -> None:
    assert client.post("/dataverse", params={"code": key}, content=b"not json").status_code == 401
    assert topic.batches == []


def test_a_context_cut_for_its_size_is_accepted(client: TestClient, topic: Topic) -> None:
    headers = KEY | {"x-ms-dynamics-msg-size-exceeded": "true"}
    assert client.post("/dataverse", json=context(InputParameters=None), headers=headers).status_code == 202
    assert [event.record_id for event in topic.events] == [ACCOUNT]


def test_an_unreadable_context_goes_onto_the_topic_as_refused(client: TestClient, topic: Topic) -> None:
    assert client.post("/dataverse", content=b"@\x01\x02", headers=KEY).status_code == 202
    [message] = topic.messages
    assert (message.key, message.body) == ("unreadable:new", b"@\x01\x02")
    assert message.headers["twinrow-unreadable"].startswith("binary: ")


@pytest.mark.parametrize(
    ("path", "document"), [("/business-central", notification(entry())), ("/dataverse", context())]
)
def test_the_trace_of_the_request_goes_along(
    client: TestClient, topic: Topic, path: str, document: dict[str, object]
) -> None:
    client.post(path, json=document, headers=KEY | {"traceparent": TRACE, "tracestate": "a=1"})
    [event] = topic.events
    assert (event.traceparent, event.tracestate) == (TRACE, "a=1")
    assert topic.messages[0].headers["traceparent"] == TRACE


def test_an_event_keeps_the_trace_that_it_came_with(client: TestClient, topic: Topic) -> None:
    client.post("/business-central", json=notification(entry()), headers={"traceparent": TRACE})
    client.post("/dataverse", content=topic.messages[0].body, headers=KEY)
    assert [event.traceparent for event in topic.events] == [TRACE, TRACE]


def test_a_malformed_trace_is_ignored(client: TestClient, topic: Topic) -> None:
    client.post("/dataverse", json=context(), headers=KEY | {"traceparent": "here", "tracestate": "a=1"})
    [event] = topic.events
    assert (event.traceparent, event.tracestate) == (None, None)


def test_the_time_of_arrival_stands_in_for_a_missing_one(client: TestClient, topic: Topic) -> None:
    client.post("/business-central", json=notification(entry(lastModifiedDateTime=None)))
    client.post("/dataverse", json=context(OperationCreatedOn=None), headers=KEY)
    assert [event.time for event in topic.events] == [NOW, NOW]


@pytest.mark.parametrize(
    ("trouble", "retry_after"),
    [
        (Retry("away"), "10"),
        (Retry("slow", after=2.5), "3"),
        (Stop("not allowed"), "10"),
        (Skip("too large"), "10"),
        (RuntimeError("a defect"), "10"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/business-central", json_codec.encode(notification(entry()))),
        ("/business-central", b"not json"),
        ("/dataverse", json_codec.encode(context())),
    ],
)
def test_what_could_not_be_published_is_asked_for_again(
    client: TestClient, topic: Topic, trouble: Exception, retry_after: str, path: str, body: bytes
) -> None:
    topic.trouble = trouble
    answer = client.post(path, content=body, headers=KEY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, retry_after)


def test_a_notification_larger_than_any_real_one_is_asked_for_again(
    client: TestClient, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json_codec.encode(notification(entry()))
    monkeypatch.setattr(receiver, "BUSINESS_CENTRAL_LIMIT", len(body) - 1)
    assert client.post("/business-central", content=body).status_code == 503
    assert topic.batches == []
    monkeypatch.setattr(receiver, "BUSINESS_CENTRAL_LIMIT", len(body))
    assert client.post("/business-central", content=body).status_code == 202


def test_a_context_larger_than_any_real_one_is_refused(client: TestClient, topic: Topic) -> None:
    answer = client.post("/dataverse", content=b" " * (receiver.DATAVERSE_LIMIT + 1), headers=KEY)
    assert answer.status_code == 413
    assert topic.batches == []


def test_a_full_post_of_business_central_fits(client: TestClient, topic: Topic) -> None:
    body = json_codec.encode(notification(*(entry(clientState="our-state") for _ in range(7000))))
    assert len(body) > 1024 * 1024
    assert client.post("/business-central", content=body).status_code == 202
    assert len(topic.messages) == 7000


def test_a_get_without_a_token_is_told_to_post(client: TestClient) -> None:
    answer = client.get("/business-central")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_receiver_says_that_it_is_alive(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200


def test_no_secret_is_logged(client: TestClient, topic: Topic) -> None:
    foreign = entry(clientState="foreign-state", resource=f"api/v2.0/companies({COMPANY})/customers")
    bad = entry(resource="nonsense")
    with capture_logs() as logs:
        client.post("/business-central", json=notification(foreign, bad))
        client.post("/dataverse?code=foreign-key", json=context())
        client.post("/dataverse", content=b"<xml/>", headers=KEY)
        topic.trouble = Retry("away")
        client.post("/dataverse", json=context(), headers=KEY)
    assert [log["log_level"] for log in logs] == ["warning", "warning", "warning", "warning", "error"]
    for secret in ("our-state", "our-key", "foreign-state", "foreign-key"):
        assert secret not in str(logs)


@pytest.mark.parametrize("secrets", [("", "our-key"), ("our-state", "")])
def test_a_receiver_without_its_secrets_does_not_start(topic: Topic, secrets: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="client state"):
        receiver.create_app(
            topic, "changes", client_state=secrets[0], webhook_key=secrets[1], new_id=str, clock=lambda: NOW
        )
