"""What Alembic runs: the steps, through the connection that it is given."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import BigInteger

from engine.ledger.database import Base, ExactJson, UtcDateTime


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Our column types by the names that ``script.py.mako`` imports."""
    match kind, item:
        case "type", ExactJson() | UtcDateTime():
            return f"{type(item).__name__}()"
        case "type", BigInteger():
            return "INTEGER64"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=_render,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
