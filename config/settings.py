"""Every setting of Posterity, once: name, type, default, meaning."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

PREFIX = "POSTERITY_"
MIN_TOKEN_BYTES = 32  # a shorter token could be guessed over the network
MOST = 1_000_000_000  # of anything counted
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


class Settings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """The settings of one process; `load_settings` makes it from the environment."""

    data_dir: Path = Path("posterity-data")
    "Folder of the catalog, the posters, the models and the snapshots; made when missing."

    database_url: str = ""
    "Where the catalog lives, as an SQLAlchemy URL; empty means SQLite in the data folder."

    broker_url: str = "memory://"
    "`memory://` for one machine under `posterity serve`, or `redis://HOST:PORT/DB` for separate workers."

    poster_sources: str = ""
    (
        "Poster sources in order, comma separated: `folder:PATH` (files named by movie or IMDb id), `tmdb`,"
        " `titlecard`; empty means `tmdb,titlecard` where a TMDB token is set, else `titlecard`."
    )

    tmdb_token: SecretStr | None = None
    "Read access token of a TMDB account (themoviedb.org, settings, API), for the source `tmdb`."

    tmdb_api_url: str = "https://api.themoviedb.org/3"
    "Where TMDB answers; another address is for tests and proxies."

    tmdb_image_url: str = ""
    "Where TMDB's pictures lie; empty means what its `/configuration` says."

    tmdb_requests_per_s: float = Field(default=30.0, gt=0, le=50)
    "Requests to TMDB a second, of all workers together; TMDB asks to stay below about 40."

    poster_url_hosts: str = ""
    "Hosts that a movie's `poster_url` may name, comma separated; empty refuses every one."

    weights: str = "bundled"
    "VGG16 weights: `bundled` (float16, in the package), `imagenet` (Keras' own download) or a path to .npz or .h5."

    rating_vectors: Literal["auto", "ease", "als", "sgd"] = "auto"
    (
        "Vectors behind `by=ratings`: `ease` finds the best neighbours, `als` (implicit) needs little memory, `sgd` is"
        " the article's way; `auto` takes `ease` as far as free memory goes, and training says why."
    )

    admin_token: SecretStr | None = None
    "Bearer token of the admin routes, at least 32 bytes; without one those routes do not exist."

    read_token: SecretStr | None = None
    (
        "Token without which nobody may read or add anything, at least 32 bytes; the admin token does as well. Programs"
        " send it as a Bearer token, browsers as the password of HTTP Basic, with any user name, for reading only."
        " `/livez` and `/readyz` ask for none; `/metrics` does, for it counts movies and visitors."
    )

    cors_origins: str = ""
    (
        "Origins whose pages may ask the API from a browser, comma separated, such as `https://movies.example`; empty"
        " allows none. They must send a token themselves: cookies and Basic are never let through."
    )

    trusted_proxies: int = Field(default=0, ge=0, le=10)
    "Proxies in front of the API, each of which adds to `X-Forwarded-For`; with 0 that header is not believed."

    rate_limit_reads_per_min: int = Field(default=0, ge=0, le=MOST)
    "Questions and pages a minute for one client address; 0 sets no limit, and 600 is enough for a person."

    rate_limit_posts_per_min: int = Field(default=60, ge=0, le=MOST)
    "`POST /movies` a minute for one client address; 0 sets no limit, and whoever has the admin token has none."

    rate_limit_movies_per_h: int = Field(default=5_000, ge=0, le=MOST)
    "Movies an hour that one client address may hand in by `POST /movies`; as above."

    rate_limit_ratings_per_min: int = Field(default=600, ge=0, le=MOST)
    "`POST /ratings` a minute for one client address; as above."

    rate_limit_admin_per_min: int = Field(default=6, ge=0, le=MOST)
    "Requests to `/admin` a minute for one client address, with the right token or a wrong one; 0 sets no limit."

    rate_limit_pending: int = Field(default=100_000, ge=0, le=MOST)
    "Movies that may wait for a poster before `POST /movies` takes no more; 0 sets no limit."

    host: str = "127.0.0.1"
    "Address the API listens on."

    port: int = Field(default=8000, ge=0, le=65535)
    "Port the API listens on; 0 picks a free one."

    trusted_hosts: str = ""
    "Host names the API answers to, comma separated; empty means any."

    lease_s: float = Field(default=180.0, ge=1, le=86_400)
    "Seconds a claimed row belongs to one worker; after that another may take it."

    sweep_s: float | None = Field(default=None, ge=0.05, le=3600)
    "Seconds between two looks for waiting work; empty means 1 with `memory://` and 30 with Redis."

    fetch_batch: int = Field(default=64, ge=1, le=1000)
    "Posters claimed at once for fetching."

    embed_batch: int = Field(default=16, ge=1, le=512)
    "Posters claimed at once for encoding."

    threads: int | None = Field(default=None, ge=1, le=1024)
    "Threads of one encoding process; empty means all cores."

    publish_every_s: float = Field(default=60.0, ge=0)
    "Least seconds between two snapshots that workers publish by themselves, after the first hundred posters."

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    "How much is logged."

    log_format: Literal["text", "json"] = "text"
    "`text` for people, `json` for collectors: one object a line, with the ids of request and job."

    @field_validator("admin_token", "read_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value().encode()) < MIN_TOKEN_BYTES:
            raise ValueError(f"must be at least {MIN_TOKEN_BYTES} bytes long (try: openssl rand -hex 32)")
        return token

    @field_validator("read_token")
    @classmethod
    def _another(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is not None and token == info.data.get("admin_token"):
            raise ValueError("must not be the admin token: whoever may read could do everything")
        return token

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, origins: str) -> str:
        for origin in _parts(origins):
            if not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin: http:// or https://, host, perhaps :port, no path, no *"
                )
        return origins

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        if not url.startswith(("memory://", "redis://", "rediss://", "redis+socket://")):
            raise ValueError("must start with memory://, redis:// or rediss://")
        return url

    @property
    def embedded(self) -> bool:
        """True when no broker crosses the processes: each worker rings its own bells."""
        return self.broker_url.startswith("memory://")

    @property
    def sweep_interval_s(self) -> float:
        """Seconds between two sweeps: reliability.md section 4.6 gives 1 s embedded and 30 s with Redis."""
        return self.sweep_s if self.sweep_s is not None else (1.0 if self.embedded else 30.0)

    @property
    def catalog_url(self) -> str:
        """The SQLAlchemy URL of the catalog."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'catalog.db'}"

    @property
    def index_dir(self) -> Path:
        """Folder of the published snapshots."""
        return self.data_dir / "index"

    @property
    def models_dir(self) -> Path:
        """Folder of the trained rating models."""
        return self.data_dir / "models"

    @property
    def vectors_asked(self) -> Literal["ease", "als", "sgd"] | None:
        """The method of the rating vectors that somebody wants, or None for the best."""
        return None if self.rating_vectors == "auto" else self.rating_vectors

    @property
    def source_specs(self) -> list[str]:
        """The poster sources in order, as written or by default."""
        return _parts(self.poster_sources) or (["tmdb", "titlecard"] if self.tmdb_token else ["titlecard"])

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins of `cors_origins`."""
        return frozenset(_parts(self.cors_origins))

    @property
    def poster_hosts(self) -> frozenset[str]:
        """The hosts that a `poster_url` may name, in lower case."""
        return frozenset(_parts(self.poster_url_hosts.lower()))


def _parts(text: str) -> list[str]:
    """What stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
