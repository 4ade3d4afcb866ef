"""The doctor on versions with known defects, and on Redis."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from cli import doctor_broker, doctor_versions
from cli.doctor_broker import is_fixed
from cli.doctor_findings import Finding, Patient
from config.settings import Settings
from tests.acceptance.installation import free_port, wait_until

CANARY = "canary-of-redis"


@pytest.mark.parametrize(
    ("distribution", "version", "words"),
    [
        ("gunicorn", "22.0.0", "smuggled"),
        ("gunicorn", "25.1.0", "broken release"),
        ("pillow", "12.2.0", "CVE-2026-40192"),
        ("urllib3", "2.6.2", "CVE-2025-66418"),
        ("celery", "5.5.3", "broker passwords"),
        ("kombu", "5.5.4", "broker passwords"),
        ("keras", "3.13.1", "HDF5"),
        ("keras", "3.12.2", "HDF5"),
    ],
)
def test_a_version_with_a_defect_is_named(
    distribution: str, version: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor_versions.version
    monkeypatch.setattr(doctor_versions, "version", lambda name: version if name == distribution else real(name))
    (one,) = doctor_versions.versions()
    assert one.level == "warning" and words in one.found and version in one.found
    assert one.do.startswith(f"python -m pip install '{distribution}>=")


@pytest.mark.parametrize(
    ("distribution", "version"),
    [("gunicorn", "23.0.0"), ("gunicorn", "25.1.1"), ("pillow", "12.3"), ("urllib3", "2.6.3"), ("keras", "3.12.3")],
)
def test_a_version_without_it_is_not(distribution: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor_versions.version
    monkeypatch.setattr(doctor_versions, "version", lambda name: version if name == distribution else real(name))
    assert [one.level for one in doctor_versions.versions()] == ["ok"]


def test_a_python_that_this_is_not_made_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_versions, "PYTHON", ((4, 0), (4, 1)))
    assert [one.where for one in doctor_versions.versions()] == ["Python"]


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("8.2.2", True), ("8.2.1", False), ("8.0.4", True), ("8.0.3", False), ("7.4.6", True), ("7.4.5", False),
        ("7.2.11", True), ("7.2.10", False), ("6.2.20", True), ("6.2.19", False), ("7.0.15", False), ("8.4.0", True),
        ("5.0.14", False), ("9.0.0", True),
    ],
)  # fmt: skip
def test_redis_is_free_of_the_lua_bug_from_these_versions_on(version: str, fixed: bool) -> None:
    assert is_fixed(version) is fixed


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Callable[..., tuple[int, "subprocess.Popen[bytes]"]]]:
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server must be installed in CI: .ci/services does it")
        pytest.skip("needs redis-server, which is not installed")
    started = []

    def start(*options: str) -> tuple[int, "subprocess.Popen[bytes]"]:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "", *options]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        wait_until(lambda: _answers(port), 10, "Redis answers")
        return port, started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def looked(url: str) -> list[Finding]:
    return list(doctor_broker.broker(Patient(Settings(broker_url=url), None, True, lambda *_: None)))


def levels(found: list[Finding]) -> dict[str, str]:
    return {one.found: str(one.level) for one in found}


def test_redis_as_it_should_be_has_nothing_but_its_version(redis: Any) -> None:
    port, _ = redis("--appendonly", "yes", "--maxmemory-policy", "noeviction")
    found = [one for one in looked(f"redis://127.0.0.1:{port}/0") if one.what != "versions"]
    assert [str(one.level) for one in found] == ["ok"]


def test_settings_of_redis_that_lose_bells_are_said(redis: Any) -> None:
    port, _ = redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    said = {one.do.split(",")[0]: str(one.level) for one in looked(f"redis://127.0.0.1:{port}/0")}
    assert said["redis-cli CONFIG SET maxmemory-policy noeviction"] == "warning"
    assert said["redis-cli CONFIG SET appendonly yes"] == "note"


def test_a_redis_that_is_stopped_or_refuses_us_is_a_fault_without_its_password(redis: Any) -> None:
    port, process = redis("--requirepass", CANARY)
    assert next(str(one.level) for one in looked(f"redis://:{CANARY}@127.0.0.1:{port}/0")) == "ok"
    (refused,) = looked(f"redis://:wrong-{CANARY}@127.0.0.1:{port}/0")
    process.kill()
    process.wait(10)
    (gone,) = looked(f"redis://:{CANARY}@127.0.0.1:{port}/0")
    assert "refuses the password" in refused.found and "does not answer" in gone.found
    assert {refused.level, gone.level} == {"fault"} and CANARY not in f"{refused}{gone}"


def test_a_redis_that_stands_still_is_not_waited_for(redis: Any) -> None:
    port, process = redis()
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    (one,) = looked(f"redis://127.0.0.1:{port}/0")
    process.send_signal(signal.SIGCONT)
    assert one.level == "fault" and time.monotonic() - began < 8


def test_a_redis_on_the_network_without_a_password_is_a_warning(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port, _ = redis()
    real = doctor_broker.look_at
    monkeypatch.setattr(doctor_broker, "is_loopback", lambda host: False)
    assert any("asks for no password" in one.found for one in looked(f"redis://127.0.0.1:{port}/0"))
    assert real(f"redis://127.0.0.1:{port}/0").host == "127.0.0.1"


def test_a_clock_that_is_off_is_said(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port, _ = redis()
    now = time.time()
    monkeypatch.setattr(doctor_broker.time, "time", lambda: now - 3600)
    assert any(one.what == "clock" and "+3600 s" in one.found for one in looked(f"redis://127.0.0.1:{port}/0"))


def test_a_redis_that_may_not_be_asked_for_its_settings_is_noted(redis: Any) -> None:
    port, _ = redis()
    with Redis(port=port) as client:
        rights = ("~posterity:*", "+@all", "-@admin", "-@dangerous")
        client.execute_command("ACL", "SETUSER", "ours", "on", f">{CANARY}", *rights)
    found = looked(f"redis://ours:{CANARY}@127.0.0.1:{port}/0")
    assert {str(one.level) for one in found} == {"ok", "note"} and CANARY not in str(found)
