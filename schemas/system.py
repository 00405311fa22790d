"""The two systems of record, and the direction a change travels between them."""

from enum import StrEnum
from functools import cached_property


class System(StrEnum):
    """A system of record."""

    BUSINESS_CENTRAL = "business_central"
    DATAVERSE = "dataverse"

    @cached_property
    def other(self) -> "System":
        """The system on the other side."""
        return System.DATAVERSE if self is System.BUSINESS_CENTRAL else System.BUSINESS_CENTRAL


class Direction(StrEnum):
    """Which way one operation carries a change: the incumbent's *To* and *From* integration table."""

    TO_DATAVERSE = "to_dataverse"
    FROM_DATAVERSE = "from_dataverse"

    @cached_property
    def source(self) -> System:
        """The system whose row is read."""
        return System.BUSINESS_CENTRAL if self is Direction.TO_DATAVERSE else System.DATAVERSE

    @cached_property
    def destination(self) -> System:
        """The system whose row is written."""
        return self.source.other

    @cached_property
    def reverse(self) -> "Direction":
        """The other way round."""
        return Direction.FROM_DATAVERSE if self is Direction.TO_DATAVERSE else Direction.TO_DATAVERSE

    @staticmethod
    def out_of(system: System) -> "Direction":
        """The direction whose source is ``system``."""
        return Direction.TO_DATAVERSE if system is System.BUSINESS_CENTRAL else Direction.FROM_DATAVERSE
