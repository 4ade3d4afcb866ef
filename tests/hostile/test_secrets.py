"""T19: five secrets that are known, a real run in which much goes wrong, and a search for them wherever words end."""

import base64
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import psutil
import psycopg
import pytest
from redis import Redis

from tests.acceptance.installation import REPO, Installation, free_port, wait_until
from tests.faults.servers import RedisServer
from tests.hostile.echoing import Echo
from tests.plan import Judge
from tests.postgres import Postgres

ADMIN, READ = "admin-canary-5d41402abc4b2a76b9719d911017c592", "read-canary-7d793037a0760186574b0282f2f435e7"
TMDB, REDIS = "tmdb-canary-eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiI5ZjNi", "redis-canary-acbd18db4cc2f85c"
DATABASE = "db-canary%2F37b51d194a75"  # as it stands in an address; drivers speak of it in clear
SECRETS = [ADMIN, READ, TMDB, REDIS, DATABASE, unquote(DATABASE)]
LEAST = 16  # characters of a secret that give it away, too
GUNICORN = ["-c", str(REPO / "deploy" / "gunicorn.conf.py"), "api.app:create_app()"]
PATHS = ["/", "/livez", "/readyz", "/metrics", "/jobs", "/movies", "/movies/1", "/similar?movie_id=1", "/openapi.json"]
PATHS += ["/docs", "/admin/snapshots", "/nope", "/app/movies/1", f"/movies/{ADMIN}", f"/jobs/{READ}", f"/{TMDB}"]
PATHS += [f"/movies?q={ADMIN}&cursor={READ}"]


def traces() -> list[bytes]:
    """What must be found nowhere: each secret, its longer parts, and what it looks like in Basic."""
    found = []
    for secret in SECRETS:
        found += [secret.encode(), secret[:LEAST].encode(), secret[-LEAST:].encode()]
        found.append(base64.b64encode(f"anybody:{secret}".encode())[-24:])
    return found


@dataclass
class Told:
    """Everything that was said anywhere, by where."""

    words: dict[str, bytes] = field(default_factory=dict)

    def leaks(self) -> list[str]:
        return [f"{where}: {trace!r}" for where, said in self.words.items() for trace in traces() if trace in said]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis", password=REDIS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    name = postgres.create()
    yield name
    postgres.drop(name)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


@pytest.fixture
def installed(
    tmp_path: Path, redis: RedisServer, postgres: Postgres, database: str, echo: Echo
) -> Iterator[Installation]:
    (tmp_path / "data").mkdir()
    settings = {
        "ADMIN_TOKEN": ADMIN,
        "READ_TOKEN": READ,
        "TMDB_TOKEN": TMDB,
        "TMDB_API_URL": echo.url,
        "POSTER_SOURCES": "tmdb",
        "BROKER_URL": f"redis://:{REDIS}@127.0.0.1:{redis.port}/0",
        "DATABASE_URL": f"postgresql+psycopg://posterity:{DATABASE}@127.0.0.1:{postgres.port}/{database}",
        "SWEEP_S": "1",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
    }
    made = Installation(tmp_path / "data", free_port(), settings)
    yield made
    made.stop()


@pytest.mark.timeout(180)
def test_no_secret_is_said_anywhere(
    installed: Installation, redis: RedisServer, echo: Echo, postgres: Postgres, database: str, judge: Judge
) -> None:
    told = Told()
    _import(installed, told)
    installed.start("worker", "--kinds", "fetch,embed", module="tests.faults.toy_worker")
    installed.start("worker", "--kinds", "build")
    installed.start(*GUNICORN, module="gunicorn")
    wait_until(installed.up, 60, "the API answers")
    new = [{"title": f"New {i}", "tmdb_id": 100 + i} for i in range(3)]
    told.words["POST /movies at first"] = repr(installed.ask("/movies", new, ADMIN)).encode()
    wait_until(lambda: "418" in _rows(postgres, database), 60, "a teapot's words are in the catalog")
    echo.status = 401
    wait_until(lambda: b"refused the token" in _ask(installed, "/readyz"), 60, "the source is stopped")
    _ask_everything(installed, told)
    told.words["database"] = _rows(postgres, database).encode()
    told.words["Redis"] = _keys(redis)
    _break_redis(installed, redis, told)
    _run_badly(installed, told)
    told.words["process list"] = _process_list(installed)
    installed.stop()
    told.words |= {f"log {number}": installed.log(number).encode() for number in range(3)}
    for path in (path for path in installed.data_dir.rglob("*") if path.is_file()):
        told.words[f"file {path.name}"] = path.read_bytes()
    leaks = told.leaks()
    said = sum(map(len, told.words.values()))
    measured = "; ".join(leaks[:8]) or f"0 in {said:,} bytes of {len(told.words)} places"
    judge("T19", "canary secrets", len(SECRETS), "0 hits", measured, not leaks)
    assert f"Bearer {TMDB}" in echo.asked, "the token was used, so it could have been told"
    assert "(hidden)" in installed.log(2), "an address with a token in it was logged"
    assert b"(the token)" in told.words["/readyz as admin"]


def _import(installed: Installation, told: Told) -> None:
    folder = installed.data_dir.parent / "ml"
    folder.mkdir()
    movies = "".join(f"{i},Movie {i} (1990),Drama\n" for i in range(1, 4))
    (folder / "movies.csv").write_text(f"movieId,title,genres\n{movies}")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n" + "".join(f"{i},000000{i},{i}\n" for i in range(1, 4)))
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,1000000000\n2,2,3.0,1000000000\n")
    done = installed.run("import", "movielens", str(folder))
    told.words["posterity import"] = (done.stdout + done.stderr).encode()


def _ask(installed: Installation, path: str, **headers: str) -> bytes:
    """Status, headers and body of an answer, as they came."""
    request = urllib.request.Request(f"http://127.0.0.1:{installed.port}{path}", headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as err:
        answer = err
    with answer:
        return f"{answer.status}\n{answer.headers}\n".encode() + answer.read()


def _ask_everything(installed: Installation, told: Told) -> None:
    basic = base64.b64encode(f"anybody:{READ}".encode()).decode()
    who = {"anybody": {}, "admin": {"Authorization": f"Bearer {ADMIN}"}, "reader": {"Authorization": f"Basic {basic}"}}
    who["somebody wrong"] = {"Authorization": f"Bearer {ADMIN}x", "Cookie": f"token={READ}", "Referer": f"/{ADMIN}"}
    for name, headers in who.items():
        for path in PATHS:
            told.words[f"{path.partition('-canary')[0]} as {name}"] = _ask(installed, path, **headers)
    for path, body in (("/movies", {"title": "x"}), ("/admin/train", {}), ("/ratings", {"user_id": "x"})):
        told.words[f"POST {path}"] = repr(installed.ask(path, body, ADMIN)).encode()


def _rows(postgres: Postgres, database: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user="posterity", dbname=database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [row for (name,) in tables for row in connection.execute(f'SELECT t::text FROM "{name}" t')]  # type: ignore[call-overload]
    return "\n".join(str(row[0]) for row in rows)


def _keys(redis: RedisServer) -> bytes:
    """Every key with its content, as Redis would store it."""
    with redis.client() as client:
        return b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())


def _break_redis(installed: Installation, redis: RedisServer, told: Told) -> None:
    """The broker wants another password, then is not there: both are warned of, and work goes on."""
    with redis.client() as client:
        client.config_set("requirepass", "another")
    with Redis(port=redis.port, password="another") as client:
        client.client_kill_filter(_type="normal", skipme=True)
    for name in ("a wrong password", "no Redis"):
        told.words[f"movie taken in with {name}"] = repr(installed.ask("/movies", {"title": name}, ADMIN)).encode()
        told.words[f"/readyz with {name}"] = _ask(installed, "/readyz", Authorization=f"Bearer {ADMIN}")
        redis.stop()


def _run_badly(installed: Installation, told: Told) -> None:
    """Commands whose settings are wrong: each ends with a line that names the setting."""
    url, closed = f"posterity:{DATABASE}@127.0.0.1", free_port()
    cases = [
        ("DATABASE_URL", f"postgresql+psycopg://{url}:{closed}/nothing"),
        ("DATABASE_URL", f"nonsense://{url}/nothing"),
        ("DATABASE_URL", f"postgresql+psycopg://{url}:port/nothing"),
        ("BROKER_URL", f"http://:{REDIS}@127.0.0.1/0"),
        ("BROKER_URL", f"redis://:{REDIS}@127.0.0.1:port/0"),
        ("ADMIN_TOKEN", ADMIN[:20]),
        ("READ_TOKEN", ADMIN),
    ]
    running = []
    for name, value in cases:
        broken = Installation(installed.data_dir, installed.port, {**installed.settings, name: value})
        command = [sys.executable, "-m", "cli.main", *(("embed",) if name == "BROKER_URL" else ("status",))]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=broken.environment, cwd=REPO, stdout=pipe, stderr=pipe))
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=60)
        told.words[f"{cases[number][0]}, case {number}"] = out + err
        assert out + err, f"case {number} says something"


def _process_list(installed: Installation) -> bytes:
    """What `ps` shows to everybody."""
    running = [psutil.Process(process.pid) for process in installed.started]
    family = [one for process in running for one in (process, *process.children(recursive=True))]
    assert len(family) >= 5, "three services, and children of two of them"
    return b"\n".join(Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in family if process.is_running())
