"""${message}"""

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import fail_fast
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    fail_fast()
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    fail_fast()
    ${downgrades if downgrades else "pass"}
