"""The broker in a process of its own: says where it listens, as one line of JSON, and ends with its input."""

import json
import sys

from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.control import control_server


def main() -> None:
    """Serve until the input ends, be it because whoever started this is gone."""
    broker = ServiceBusBroker()
    broker.start()
    control = control_server(broker)
    control.start()
    sys.stdout.write(json.dumps({"connection_string": broker.connection_string, "control": control.url}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    control.stop()
    broker.stop()


if __name__ == "__main__":
    main()
