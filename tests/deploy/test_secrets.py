"""deploy/make-secrets: made once, closed to others, and fitting together."""

import hashlib
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.settings import MIN_TOKEN_BYTES


@pytest.fixture
def make(repo: Path, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    return run(repo, tmp_path / "secrets")


def run(repo: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([repo / "deploy" / "make-secrets", folder], capture_output=True, text=True, check=False)


def test_nobody_else_can_enter_the_folder_containers_can_read_the_files_and_the_owner_may_change_them(
    make: "subprocess.CompletedProcess[str]", tmp_path: Path
) -> None:
    assert make.returncode == 0, make.stderr
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert [path.name for path in tmp_path.iterdir()] == ["secrets"], "nothing is left beside it"


def test_the_files_fit_together(make: "subprocess.CompletedProcess[str]", tmp_path: Path) -> None:
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert urlsplit(secrets["database_url"]).password == secrets["postgres_password"]
    broker = urlsplit(secrets["broker_url"]).password
    assert broker
    assert f"#{hashlib.sha256(broker.encode()).hexdigest()} " in secrets["redis_acl"]
    assert broker not in secrets["redis_acl"], "Redis is told the digest only"
    assert len(secrets["admin_token"]) >= MIN_TOKEN_BYTES
    assert len({secrets["admin_token"], secrets["postgres_password"], broker}) == 3


def test_no_secret_is_printed(make: "subprocess.CompletedProcess[str]", tmp_path: Path) -> None:
    for name in ("admin_token", "postgres_password"):
        assert (tmp_path / "secrets" / name).read_text() not in make.stdout + make.stderr


def test_a_second_run_changes_nothing_and_says_so(
    make: "subprocess.CompletedProcess[str]", repo: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    again = run(repo, tmp_path / "secrets")
    assert again.returncode == 1
    assert "exists; nothing changed" in again.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == before


def test_a_folder_that_cannot_be_made_leaves_nothing(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(repo, tmp_path / "file" / "secrets").returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
