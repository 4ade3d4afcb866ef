"""A catalogue that lives: given posters, remembered misses, shared source states, deletions, renewals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds tables and columns; a vector learns from its movie's poster whether it came from a title card."""
    _posters()
    op.create_table(
        "deleted_movies",
        sa.Column("movie_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("deleted_at", sa.Float, nullable=False),
    )
    op.add_column("poster_work", sa.Column("renewing", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("poster_work", sa.Column("troubles", sa.Integer, nullable=False, server_default="0"))
    op.add_column("poster_vectors", sa.Column("generated", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("poster_vectors_by_time", "poster_vectors", ["embedded_at"])
    op.add_column("jobs", sa.Column("started_at", sa.Float))
    op.add_column("jobs", sa.Column("request_id", sa.String(128)))
    op.execute(
        sa.text(
            "UPDATE poster_vectors SET generated = true WHERE movie_id IN"
            " (SELECT movie_id FROM poster_files WHERE generated)"
        )
    )


def _posters() -> None:
    op.create_table(
        "given_posters",
        _movie_key(),
        sa.Column("url", sa.Text),
        sa.Column("sha256", sa.String(64)),
        sa.Column("media_type", sa.String(32)),
        sa.Column("given_at", sa.Float, nullable=False),
    )
    op.create_table(
        "poster_misses",
        _movie_key(),
        sa.Column("source", sa.String(32), primary_key=True),
        sa.Column("missed_at", sa.Float, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "poster_sources",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("until", sa.Float),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_slot", sa.Float, nullable=False, server_default="0"),
        sa.Column("changed_at", sa.Float, nullable=False),
    )


def _movie_key() -> sa.Column[int]:
    return sa.Column(
        "movie_id",
        sa.Integer,
        sa.ForeignKey("movies.movie_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def downgrade() -> None:
    """Takes them away again. A movie being renewed keeps its work row: its new poster is fetched all the same."""
    op.drop_column("jobs", "request_id")
    op.drop_column("jobs", "started_at")
    op.drop_index("poster_vectors_by_time", "poster_vectors")
    op.drop_column("poster_vectors", "generated")
    op.drop_column("poster_work", "troubles")
    op.drop_column("poster_work", "renewing")
    for table in ("deleted_movies", "poster_sources", "poster_misses", "given_posters"):
        op.drop_table(table)
