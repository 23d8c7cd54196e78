"""The public parts of the keys that sign, or signed, what jobs made."""

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import ID, born, key, required

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        *required(ID, "id"),
        *required(sa.Text(), "public_key"),
        born("created_at"),
        key("signing_keys", "id"),
    )


def downgrade() -> None:
    """Signatures stay good for whoever remembers the keys; the service knows only the one that it has."""
    op.drop_table("signing_keys")
