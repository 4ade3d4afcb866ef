"""What the tests of the deployment share: the compose file, and its services running on this machine."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from tests.deploy.stack import REPO, Stack, free_port
from tests.postgres import programs, run, server_user

VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def leave_out(what: str) -> NoReturn:
    """Skips, or fails in CI, where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"must be installed in CI (.ci/services does it): {what}")
    pytest.skip(f"needs {what}, which is not installed")


def _interpolated(value: Any) -> Any:
    """Compose's `${NAME:-default}` as in an empty environment."""
    if isinstance(value, dict):
        return {key: _interpolated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_interpolated(item) for item in value]
    return VARIABLE.sub(r"\2", value) if isinstance(value, str) else value


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


def compose_file() -> dict[str, Any]:
    """The compose file as Compose sees it in an empty environment."""
    document: dict[str, Any] = _interpolated(yaml.safe_load((REPO / "docker-compose.yml").read_text()))
    return document


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    return compose_file()


@pytest.fixture(scope="module")
def stack(compose: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if shutil.which("redis-server") is None:
        leave_out("redis-server")
    with everything(compose, tmp_path_factory.mktemp("stack")) as made:
        yield made


@contextmanager
def everything(compose: dict[str, Any], home: Path) -> Iterator[Stack]:
    """Everything that `docker compose up` starts, while the `with` block lasts."""
    made = Stack(compose, home, {name: free_port() for name in ("postgres", "redis", "api")})
    _make_secrets(made)
    for volume in compose["volumes"]:
        (home / "volumes" / volume).mkdir(parents=True)
    cluster = Path(tempfile.mkdtemp(prefix="posterity-postgres-"))  # pytest's folders are closed to other users
    try:
        _start_postgres(made, cluster)
        _start_redis(made)
        for name, service in compose["services"].items():
            if name not in made.processes and name != "postgres" and "profiles" not in service:
                made.start(name)
        yield made
    finally:
        made.stop(*(name for name in made.processes if name not in ("redis", "postgres")))
        made.stop("redis")
        made.stop("postgres", sent=signal.SIGINT)  # as its image does: the default would wait for its clients
        shutil.rmtree(cluster, ignore_errors=True)


def _make_secrets(made: Stack) -> None:
    subprocess.run([REPO / "deploy" / "make-secrets", made.home / "secrets"], check=True, capture_output=True)
    (made.home / "run-secrets").mkdir()
    for path in (made.home / "secrets").iterdir():
        text = path.read_text()
        for name, port in (("postgres", 5432), ("redis", 6379)):
            text = text.replace(f"@{name}:{port}/", f"@127.0.0.1:{made.ports[name]}/")
        (made.home / "run-secrets" / path.name).write_text(text)


def _start_redis(made: Stack) -> None:
    folder = made.native("redis", "/data")
    acl = made.native("redis", "/run/secrets/redis_acl")
    more = ("--port", str(made.ports["redis"]), "--bind", "127.0.0.1", "--dir", folder, "--aclfile", acl)
    made.start("redis", more=more)
    made.listens("redis")


def _start_postgres(made: Stack, cluster: Path) -> None:
    """A new cluster as the image would make it from the service's environment; SQLite where there is no PostgreSQL."""
    folder, user = programs(), server_user()
    if folder is None and os.environ.get("CI"):
        leave_out("postgresql")
    if folder is None:
        made.database_url = f"sqlite:///{made.home / 'volumes' / 'data' / 'catalog.db'}"
        (made.home / "run-secrets" / "database_url").write_text(made.database_url)
        return
    given = made.environment("postgres")
    (cluster / "password").write_text(Path(given["POSTGRES_PASSWORD_FILE"]).read_text())
    if user:
        for path in (cluster, cluster / "password"):
            shutil.chown(path, user, user)
    data, port = str(cluster / "data"), str(made.ports["postgres"])
    owner = ["-U", given["POSTGRES_USER"], f"--pwfile={cluster / 'password'}"]
    run(folder / "initdb", "-D", data, *owner, "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")
    options = ["-D", data, "-p", port, "-k", str(cluster), "-c", "listen_addresses=127.0.0.1"]
    made.start("postgres", command=[str(folder / "postgres"), *options], user=user or "")
    made.listens("postgres")
    ready = [folder / "pg_isready", "-q", "-h", cluster, "-p", port]
    made.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "PostgreSQL is ready")
    run(folder / "createdb", "-h", cluster, "-p", port, "-U", given["POSTGRES_USER"], given["POSTGRES_DB"])
