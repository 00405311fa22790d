"""Microsoft's tests that do not pass here, each with its reason; and those that take long, so that they begin first."""

EXPECTED_FAILURES: dict[str, str] = {}

LONGEST: dict[str, int] = {}
