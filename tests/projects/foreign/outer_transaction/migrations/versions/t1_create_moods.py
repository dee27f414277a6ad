"""create moods"""

from alembic import op

revision = "t1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    op.execute("CREATE TABLE people (id int PRIMARY KEY, mood mood, tx xid8 DEFAULT pg_current_xact_id())")
    op.execute("INSERT INTO people VALUES (1, 'good')")


def downgrade() -> None:
    op.execute("DROP TABLE people")
    op.execute("DROP TYPE mood")
