"""deploy/redis.conf says what reliability asks of a broker: private, with passwords, never evicting."""

from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def conf() -> dict[str, str]:
    lines = (REPO / "deploy" / "redis.conf").read_text().splitlines()
    said = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    assert len({name for name, _ in said}) == len(said), "each directive once"
    return {name: value for name, value in said}  # noqa: C416 - pairs as lists


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protected-mode", "yes"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory", "256mb"),
        ("maxmemory-policy", "noeviction"),
        ("aclfile", "/run/secrets/redis_acl"),
    ],
)
def test_each_directive_is_the_mandated_one(name: str, value: str, conf: dict[str, str]) -> None:
    assert conf[name] == value


def test_only_the_private_network_of_the_services_reaches_it() -> None:
    compose = yaml.safe_load((REPO / "docker-compose.yml").read_text())
    redis = compose["services"]["redis"]
    assert "ports" not in redis
    assert redis["networks"] == ["stores"]
    assert compose["networks"]["stores"]["internal"] is True


def test_its_version_is_one_without_the_hole_in_lua() -> None:
    compose = yaml.safe_load((REPO / "docker-compose.yml").read_text())
    name, _, version = compose["services"]["redis"]["image"].partition(":")
    assert name == "redis"
    assert tuple(map(int, version.split(".")[:2])) >= (8, 2), "CVE-2025-49844; the tag follows the patches of its line"


def test_the_user_of_the_program_has_scripts_and_no_power_over_the_server() -> None:
    rule = "~posterity:* &posterity:* &posterity:/0.celery.pidbox +@all -@admin -@dangerous"
    assert rule in (REPO / "deploy" / "make-secrets").read_text()
