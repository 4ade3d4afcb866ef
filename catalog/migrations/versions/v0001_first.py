"""The first schema: movies, links, ratings, poster files, poster work, poster vectors, jobs, workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _movie_key() -> sa.Column[int]:
    return sa.Column(
        "movie_id",
        sa.Integer,
        sa.ForeignKey("movies.movie_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def _claim_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.Float),
        sa.Column("token", sa.String(32)),
        sa.Column("next_attempt_at", sa.Float),
        sa.Column("lost", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.String(32)),
        sa.Column("detail", sa.Text),
        sa.Column("changed_at", sa.Float, nullable=False),
    ]


def upgrade() -> None:
    """Makes every table of the first schema."""
    _movies()
    _ratings()
    _posters()
    _jobs()


def downgrade() -> None:
    """Drops them again, dependants first."""
    for table in (
        "workers",
        "job_movies",
        "jobs",
        "poster_vectors",
        "poster_work",
        "poster_files",
        "rating_sets",
        "ratings",
        "links",
        "movies",
    ):
        op.drop_table(table)


def _movies() -> None:
    op.create_table(
        "movies",
        sa.Column("movie_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("genres", sa.Text, nullable=False, server_default=""),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.Column("n_ratings", sa.Integer, nullable=False, server_default="0"),
        sa.Column("mean_rating", sa.Float),
        sa.Column("added_at", sa.Float, nullable=False),
    )
    op.create_index("movies_by_ratings", "movies", ["n_ratings", "movie_id"])
    op.create_table(
        "links",
        _movie_key(),
        sa.Column("imdb_id", sa.String(16), unique=True),
        sa.Column("tmdb_id", sa.Integer, index=True),
    )


def _ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
        _movie_key(),
        sa.Column("rating", sa.Float, nullable=False),
        sa.Column("rated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rating_sets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("imported_at", sa.Float, nullable=False),
    )


def _posters() -> None:
    op.create_table(
        "poster_files",
        _movie_key(),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("generated", sa.Boolean, nullable=False),
        sa.Column("attribution", sa.Text),
        sa.Column("fetched_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float),
    )
    op.create_table(
        "poster_work",
        _movie_key(),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        *_claim_columns(),
    )
    op.create_index("poster_work_due", "poster_work", ["state", "lost", "priority"])
    op.create_table(
        "poster_vectors",
        _movie_key(),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("embedded_at", sa.Float, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index("poster_vectors_by_content", "poster_vectors", ["sha256", "fingerprint"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        *_claim_columns(),
        sa.Column("progress", sa.JSON),
        sa.Column("result", sa.JSON),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
    )
    one_open = sa.text("state = 'pending' AND kind <> 'add'")
    op.create_index(
        "jobs_one_open_build", "jobs", ["kind"], unique=True, sqlite_where=one_open, postgresql_where=one_open
    )
    op.create_index("jobs_by_time", "jobs", ["created_at"])
    op.create_table(
        "job_movies",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
        _movie_key(),
    )
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.String(64), primary_key=True),
        sa.Column("kinds", sa.String(64), nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
