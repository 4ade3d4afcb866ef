"""docker-compose.yml: what Compose would accept, and what we ask of it beyond that."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.loading import load_settings
from config.settings import PREFIX, Settings

# The Compose specification's own schema, as the package check-jsonschema 0.39.0 carries it (compose-spec.LICENSE).
SCHEMA = Path(__file__).parent / "compose-spec.json"
PROCESSES = ("api", "worker-fetch", "worker-embed", "worker-build")
WORKERS = PROCESSES[1:]


def test_the_file_is_valid_by_the_schema_of_the_compose_specification(repo: Path) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    document = yaml.safe_load((repo / "docker-compose.yml").read_text())
    assert [error.message for error in validator.iter_errors(document)] == []


def test_the_schema_refuses_a_misspelt_key(compose: dict[str, Any]) -> None:
    document = json.loads(json.dumps(compose))
    document["services"]["api"]["healtcheck"] = {}
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert any("healtcheck" in error.message for error in validator.iter_errors(document))


@pytest.mark.parametrize("name", PROCESSES)
def test_every_setting_in_it_is_one_that_the_program_knows(compose: dict[str, Any], name: str, tmp_path: Path) -> None:
    environment = dict(compose["services"][name]["environment"])
    for key in [key for key in environment if key.endswith("_FILE")]:
        secret = tmp_path / key
        secret.write_text("redis://of/the/test/and/longer/than/32/bytes")  # good for each of the three
        environment[key] = str(secret)
    settings = load_settings(environment, env_file=None)
    assert settings.data_dir == Path("/data")
    assert not settings.embedded
    assert settings.database_url.startswith("redis://of"), "read from its file"


def test_variables_with_our_prefix_are_settings_because_the_program_reads_the_same_env_file(repo: Path) -> None:
    named = set(re.findall(r"\$\{(\w+)", (repo / "docker-compose.yml").read_text()))
    ours = {name.removeprefix(PREFIX).lower() for name in named if name.startswith(PREFIX)}
    assert ours
    assert ours <= set(Settings.model_fields)


def test_every_secret_is_a_file_that_make_secrets_makes(compose: dict[str, Any], repo: Path) -> None:
    script = (repo / "deploy" / "make-secrets").read_text()
    made = set(re.findall(r'>"\$new/(\w+)"', script))
    assert {name: secret["file"] for name, secret in compose["secrets"].items()} == {
        name: f"./secrets/{name}" for name in made
    }
    used = {secret for service in compose["services"].values() for secret in service.get("secrets", [])}
    assert used == made


def test_no_secret_stands_in_an_environment(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for key in service.get("environment", {}):
            secret = re.search(r"PASSWORD|TOKEN|URL(_FILE)?$", key)
            assert not secret or key.endswith("_FILE"), f"{name}: {key}"


def test_only_the_api_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_the_stores_have_no_way_out(compose: dict[str, Any]) -> None:
    assert compose["networks"]["stores"]["internal"] is True
    assert [compose["services"][name]["networks"] for name in ("postgres", "redis")] == [["stores"], ["stores"]]


def test_every_service_that_keeps_running_has_a_health_check_and_starts_again(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "profiles" not in service:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


@pytest.mark.parametrize("name", PROCESSES)
def test_the_program_waits_for_its_stores_and_can_change_nothing_but_its_data(
    compose: dict[str, Any], name: str
) -> None:
    service = compose["services"][name]
    waits = {store: wanted["condition"] for store, wanted in service["depends_on"].items()}
    assert waits == {"postgres": "service_healthy", "redis": "service_healthy"}
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "data:/data" in service["volumes"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_two_minutes_to_end_what_it_has_in_hand(compose: dict[str, Any], name: str) -> None:
    assert compose["services"][name]["stop_grace_period"] == "120s"


def test_every_kind_of_work_has_a_worker_of_its_own(compose: dict[str, Any]) -> None:
    kinds = {name: compose["services"][name]["command"][-1] for name in WORKERS}
    assert kinds == {"worker-fetch": "fetch", "worker-embed": "embed", "worker-build": "build"}


def test_every_named_volume_is_declared_and_every_mounted_file_is_in_the_repository(
    compose: dict[str, Any], repo: Path
) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (repo / source).exists() if source.startswith(".") else source in compose["volumes"]
            assert there, f"{name}: {volume}"
