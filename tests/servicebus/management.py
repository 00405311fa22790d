"""``$management`` of an entity: everything that is asked for by number, by lock or by session instead of by link."""

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

from tests.servicebus.amqp.errors import AmqpError, argument, not_allowed
from tests.servicebus.amqp.links import IncomingLink
from tests.servicebus.amqp.message import Message
from tests.servicebus.amqp.types import Array, Int, Symbol, Timestamp, UInt, Value
from tests.servicebus.faults import Faults
from tests.servicebus.queue import Queue
from tests.servicebus.requests import Requests
from tests.servicebus.rule_descriptions import described, filter_of
from tests.servicebus.stored_message import StoredMessage, milliseconds
from tests.servicebus.topic import Subscription, Topic

Body: TypeAlias = dict[str, Value]

_NEVER = 253402300800000
"""The year 10000 in milliseconds: sessions are listed whenever they were updated."""

_RECEIVE_AND_DELETE = 0


class NothingFound(Exception):
    """The request is fine, and there is nothing that fits."""


class Management(Requests):
    """The node of an entity's requests."""

    def __init__(self, entity: Queue | Topic, faults: Faults) -> None:
        super().__init__(f"{entity.name}/$management".lower(), faults)
        self._entity_itself = entity
        self._operations: dict[str, Callable[[Body], Body]] = {
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "peek-message": self._peek,
            "receive-by-sequence-number": self._receive,
            "renew-lock": self._renew,
            "update-disposition": self._settle,
            "renew-session-lock": self._renew_session,
            "get-session-state": self._get_state,
            "set-session-state": self._set_state,
            "get-message-sessions": self._sessions,
            "add-rule": self._add_rule,
            "remove-rule": self._remove_rule,
            "enumerate-rules": self._rules,
        }

    def handle(self, request: Message, link: IncomingLink) -> tuple[dict[str, Value], Value]:  # noqa: ARG002
        operation = self._operations.get(self.operation_of(request))
        if operation is None:
            raise AmqpError("amqp:not-implemented", f"There is no {self.operation_of(request)!r} here.", status=501)
        try:
            body = operation(request.value() or {})
        except NothingFound:
            return {"statusCode": Int(204), "statusDescription": "No Content"}, {}
        return {"statusCode": Int(200), "statusDescription": "OK"}, body

    def failure(self, error: AmqpError) -> dict[str, Value]:
        return {
            "statusCode": Int(error.status),
            "statusDescription": error.description,
            "errorCondition": Symbol(error.condition),
        }

    @property
    def _queue(self) -> Queue:
        if isinstance(self._entity_itself, Topic):
            raise not_allowed(f"'{self._entity_itself.name}' is a topic: ask one of its subscriptions.")
        return self._entity_itself

    @property
    def _subscription(self) -> Subscription:
        if not isinstance(self._entity_itself, Subscription):
            raise not_allowed(f"'{self._entity_itself.name}' is no subscription: it has no rules.")
        return self._entity_itself

    # Messages to come

    def _schedule(self, body: Body) -> Body:
        messages = [Message.parse(item["message"]) for item in body["messages"]]
        if any(message.scheduled_for is None for message in messages):
            raise argument("A scheduled message needs its time.")
        return {"sequence-numbers": Array(self._entity_itself.send(message) for message in messages)}

    def _cancel(self, body: Body) -> Body:
        for number in body["sequence-numbers"]:
            self._entity_itself.cancel_scheduled(number)
        return {}

    # Messages by number and by lock

    def _peek(self, body: Body) -> Body:
        found = self._queue.peek(body["from-sequence-number"], body["message-count"], body.get("session-id"))
        if not found:
            raise NothingFound
        return {"messages": [{"message": stored.encode()} for stored in found]}

    def _receive(self, body: Body) -> Body:
        keeps = body.get("receiver-settle-mode", 1) != _RECEIVE_AND_DELETE
        found = self._queue.receive_deferred(body["sequence-numbers"], keeps=keeps, session_id=body.get("session-id"))
        return {"messages": [self._received(stored) for stored in found]}

    def _received(self, stored: StoredMessage) -> Body:
        if stored.lock is None:
            return {"message": stored.encode(), "lock-token": UUID(int=0)}
        return {"message": stored.encode_locked(stored.lock), "lock-token": stored.lock.token}

    def _renew(self, body: Body) -> Body:
        return {"expirations": Array(milliseconds(self._queue.renew(token)) for token in body["lock-tokens"])}

    def _settle(self, body: Body) -> Body:
        queue, changes = self._queue, body.get("properties-to-modify")
        for token in body["lock-tokens"]:
            match body["disposition-status"]:
                case "completed":
                    queue.complete(token)
                case "abandoned":
                    queue.abandon(token, changes)
                case "defered":
                    queue.defer(token, changes)
                case "suspended":
                    reason, description = body.get("deadletter-reason"), body.get("deadletter-description")
                    queue.dead_letter(token, reason, description, changes)
                case other:
                    raise argument(f"There is no disposition {other!r}.")
        return {}

    # Sessions

    def _renew_session(self, body: Body) -> Body:
        return {"expiration": milliseconds(self._queue.renew_session(body["session-id"]))}

    def _get_state(self, body: Body) -> Body:
        return {"session-state": self._queue.sessions.held(body["session-id"]).state}

    def _set_state(self, body: Body) -> Body:
        self._queue.set_session_state(body["session-id"], body.get("session-state"))
        return {}

    def _sessions(self, body: Body) -> Body:
        since: Timestamp = body["last-updated-time"]
        ids = self._queue.session_ids(None if since >= _NEVER else since / 1000)
        page = ids[body["skip"] : body["skip"] + body["top"]]
        if not page:
            raise NothingFound
        return {"skip": Int(body["skip"] + len(page)), "sessions-ids": Array(page)}

    # Rules

    def _add_rule(self, body: Body) -> Body:
        self._subscription.add_rule(body["rule-name"], filter_of(body["rule-description"]))
        return {}

    def _remove_rule(self, body: Body) -> Body:
        self._subscription.remove_rule(body["rule-name"])
        return {}

    def _rules(self, body: Body) -> Body:
        rules = list(self._subscription.rules.items())[body.get("skip", 0) :][: body.get("top", UInt(100))]
        if not rules:
            raise NothingFound
        return {"rules": [{"rule-description": described(name, rule)} for name, rule in rules]}
