"""${message}"""

import sqlalchemy as sa
from alembic import op

from engine.ledger.database import INTEGER64, ExactJson, UtcDateTime

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """${message}."""
    ${upgrades if upgrades else "pass"}
