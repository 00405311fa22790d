"""Who reads the embedded log now, for people: the group's own business is in ``consumers/embedded_group.py``."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from engine.ledger.log_tables import LogMember


def alive(connection: Connection, group: str, since: datetime) -> int:
    """How many members of ``group`` have renewed their lease ``since`` then."""
    members = select(func.count()).where(LogMember.group_name == group, LogMember.last_seen >= since)
    return connection.execute(members).scalar_one()
