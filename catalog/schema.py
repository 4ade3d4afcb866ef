"""The tables, once. Times are seconds since 1970 in UTC; ids of movies are positive 32-bit integers."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)

metadata = MetaData()


class Said(TypeDecorator[str]):
    """Text with words of files and servers outside: without NUL and half surrogates, which PostgreSQL does not take."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """What is stored of a text."""
        return value and value.encode("utf-8", "replace").decode().replace("\0", "")


def _movie_key() -> Column[int]:
    return Column(
        "movie_id", Integer, ForeignKey("movies.movie_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


def _claim_columns() -> list[Column[object]]:
    """What the claim protocol needs on a row (reliability.md section 4)."""
    return [
        Column("state", String(16), nullable=False),
        Column("attempt", Integer, nullable=False, server_default="0"),
        Column("lease_until", Float),
        Column("token", String(32)),
        Column("next_attempt_at", Float),
        Column("lost", Integer, nullable=False, server_default="0"),
        Column("reason", String(32)),
        Column("detail", Said),
        Column("changed_at", Float, nullable=False),
    ]


movies = Table(
    "movies",
    metadata,
    Column("movie_id", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("year", Integer),
    Column("genres", Text, nullable=False, server_default=""),  # |Comedy|Drama|, so that LIKE finds a whole word
    Column("search_text", Text, nullable=False),  # title without case and accents
    Column("n_ratings", Integer, nullable=False, server_default="0"),
    Column("mean_rating", Float),
    Column("added_at", Float, nullable=False),
    Column("changed_at", Float),  # when it, or its poster's going, last changed by itself; None for never
    Index("movies_by_ratings", "n_ratings", "movie_id"),
    Index("movies_by_change", "changed_at"),
)

# How often many movies changed in one transaction: whoever keeps movies in memory then reads them all again.
set_changes = Table(
    "set_changes",
    metadata,
    Column("name", String(16), primary_key=True),  # movies
    Column("number", Integer, nullable=False),
)

links = Table(
    "links",
    metadata,
    _movie_key(),
    Column("imdb_id", String(16), unique=True),
    Column("tmdb_id", Integer, index=True),
)

# Single ratings given since the last import; the imported ones are a Parquet file named in `rating_sets`.
ratings = Table(
    "ratings",
    metadata,
    Column("user_id", Integer, primary_key=True, autoincrement=False),
    _movie_key(),
    Column("rating", Float, nullable=False),
    Column("rated_at", BigInteger, nullable=False),
)

rating_sets = Table(
    "rating_sets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("file", Text, nullable=False),  # below the data folder
    Column("source_sha256", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("imported_at", Float, nullable=False),
)

poster_files = Table(
    "poster_files",
    metadata,
    _movie_key(),
    Column("sha256", String(64), nullable=False, index=True),
    Column("media_type", String(32), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("source", String(32), nullable=False),
    Column("origin", Said, nullable=False),
    Column("generated", Boolean, nullable=False),
    Column("attribution", Said),
    Column("fetched_at", Float, nullable=False),
    Column("expires_at", Float),
)

# A poster that somebody chose for a movie: an address, or bytes in the content store. It goes before the sources.
given_posters = Table(
    "given_posters",
    metadata,
    _movie_key(),
    Column("url", Text),
    Column("sha256", String(64)),
    Column("media_type", String(32)),
    Column("given_at", Float, nullable=False),
)

# "There is none", remembered: which source said so of which movie, and when.
poster_misses = Table(
    "poster_misses",
    metadata,
    _movie_key(),
    Column("source", String(32), primary_key=True),
    Column("missed_at", Float, nullable=False),
    Column("why", Said, nullable=False),
)

# What all workers share about an outside source: its breaker and its budget of requests.
poster_sources = Table(
    "poster_sources",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("state", String(16), nullable=False),  # working, waiting (an outage) or stopped (it refuses us)
    Column("why", Said),
    Column("until", Float),  # when the source is asked again
    Column("failures", Integer, nullable=False, server_default="0"),  # outages in a row
    Column("next_slot", Float, nullable=False, server_default="0"),  # when the next request may start
    Column("changed_at", Float, nullable=False),
)

# Ids that a snapshot may still hold and that are never given to another movie.
deleted_movies = Table(
    "deleted_movies",
    metadata,
    Column("movie_id", Integer, primary_key=True, autoincrement=False),
    Column("deleted_at", Float, nullable=False),
    Index("deleted_movies_by_time", "deleted_at"),
)

poster_work = Table(
    "poster_work",
    metadata,
    _movie_key(),
    Column("priority", Integer, nullable=False, server_default="0"),
    *_claim_columns(),
    # True while a newer poster is on its way: until it is embedded, or fails, the old vector counts.
    Column("renewing", Boolean, nullable=False, server_default=false()),
    Column("troubles", Integer, nullable=False, server_default="0"),  # times its source gave no proper answer
    Index("poster_work_due", "state", "lost", "priority"),
    Index("poster_work_by_change", "changed_at"),
)

poster_vectors = Table(
    "poster_vectors",
    metadata,
    _movie_key(),
    Column("sha256", String(64), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("embedded_at", Float, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("generated", Boolean, nullable=False, server_default=false()),  # made from a title card
    Index("poster_vectors_by_time", "embedded_at"),
    Index("poster_vectors_by_content", "sha256", "fingerprint"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    *_claim_columns(),
    Column("progress", JSON),
    Column("result", JSON),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),  # when a worker first took it
    Column("finished_at", Float),
    Column("request_id", String(128)),  # of the HTTP request that asked for it
    # The database itself refuses a second open train or rebuild.
    Index(
        "jobs_one_open_build",
        "kind",
        unique=True,
        sqlite_where=text("state = 'pending' AND kind <> 'add'"),
        postgresql_where=text("state = 'pending' AND kind <> 'add'"),
    ),
    Index("jobs_by_time", "created_at"),
)

job_movies = Table(
    "job_movies",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    _movie_key(),
)

workers = Table(
    "workers",
    metadata,
    Column("worker_id", String(64), primary_key=True),
    Column("kinds", String(64), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)
