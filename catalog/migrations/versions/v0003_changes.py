"""What changed since: when a movie last changed by itself, and a counter of the changes of whole sets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Movies that are there have not changed by themselves yet: nobody asks what changed before the program starts."""
    op.add_column("movies", sa.Column("changed_at", sa.Float))
    op.create_index("movies_by_change", "movies", ["changed_at"])
    op.create_index("poster_work_by_change", "poster_work", ["changed_at"])
    op.create_index("deleted_movies_by_time", "deleted_movies", ["deleted_at"])
    op.create_table(
        "set_changes",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.execute(sa.text("INSERT INTO set_changes (name, number) VALUES ('movies', 0)"))


def downgrade() -> None:
    """Takes them away again."""
    op.drop_table("set_changes")
    op.drop_index("deleted_movies_by_time", "deleted_movies")
    op.drop_index("poster_work_by_change", "poster_work")
    op.drop_index("movies_by_change", "movies")
    op.drop_column("movies", "changed_at")
