"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    _fail_fast()
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    _fail_fast()
    ${downgrades if downgrades else "pass"}


def _fail_fast() -> None:
    """Rather than queue every request behind a lock on a busy table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
