"""``python -m engine.ledger.migrations "what changes"``: draft the next step in ``versions/``."""

import sys
from tempfile import TemporaryDirectory

from alembic import command
from alembic.script import ScriptDirectory

import engine.ledger.log_tables
import engine.ledger.models
import engine.ledger.worker_tables  # noqa: F401
from engine.ledger.database import open_database, write
from engine.ledger.migrations import configuration, migrate


def draft(message: str) -> None:
    """Write the step that turns the schema as migrated so far into the tables as declared."""
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/draft.db")
        migrate(engine)
        with write(engine) as connection:
            config = configuration(connection)
            number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        engine.dispose()


if __name__ == "__main__":
    draft(sys.argv[1])
