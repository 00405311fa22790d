"""Messages a second that the broker could take and give to a fast client: ``python -m tests.servicebus.speed``.

Microsoft's client is slower than the broker, so what is measured is the processor time of the broker's thread.
"""

import sys
import time
from collections.abc import Callable

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver

from tests.servicebus.broker import ServiceBusBroker

_BODY = b"x" * 500
_COUNT = 4000
_BATCH = 100


def main() -> None:
    """Print the figures."""
    broker = ServiceBusBroker()
    broker.start()
    broker.create_queue("q")
    with ServiceBusClient.from_connection_string(broker.connection_string) as client:
        with client.get_queue_sender("q") as sender:

            def send_one_by_one() -> None:
                for _ in range(_COUNT):
                    sender.send_messages(ServiceBusMessage(_BODY))

            def send_batches() -> None:
                for _ in range(_COUNT // _BATCH):
                    sender.send_messages([ServiceBusMessage(_BODY) for _ in range(_BATCH)])

            _measure(broker, _COUNT, "sent one by one", send_one_by_one)
            _measure(broker, _COUNT, f"sent in batches of {_BATCH}", send_batches)
        with client.get_queue_receiver("q", prefetch_count=500) as receiver:
            _measure(broker, 2 * _COUNT, "received and completed", lambda: _complete(receiver))
    assert broker.count("q") == 0
    broker.stop()


def _complete(receiver: ServiceBusReceiver) -> None:
    left = 2 * _COUNT
    while left:
        for message in receiver.receive_messages(min(left, 200), max_wait_time=10):
            receiver.complete_message(message)
            left -= 1


def _measure(broker: ServiceBusBroker, count: int, what: str, work: Callable[[], None]) -> None:
    begun, processor = time.monotonic(), broker.processor_time()
    work()
    took, used = time.monotonic() - begun, broker.processor_time() - processor
    sys.stdout.write(f"{what}: the broker {count / used:,.0f}/s, with this client {count / took:,.0f}/s\n")


if __name__ == "__main__":
    main()
