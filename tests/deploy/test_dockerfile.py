"""Dockerfile: read as text, since no container can be built in a test."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

IMAGES = ("api", "worker")


@dataclass
class Stage:
    name: str
    base: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # instruction, the rest

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.lines if word == instruction]


@pytest.fixture(scope="module")
def stages(repo: Path) -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", (repo / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(name, base)
        elif word and found:
            stage.lines.append((word, " ".join(rest.split())))
    return found


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """The image's own stage and those it is built upon, the base image last."""
    stage = stages[name]
    return [stage, *(lineage(stages, stage.base) if stage.base in stages else [])]


@pytest.mark.parametrize("image", IMAGES)
def test_it_runs_as_a_user_without_rights(stages: dict[str, Stage], image: str) -> None:
    users = [user for stage in lineage(stages, image) for user in stage.all("USER")]
    assert users == ["posterity"]


@pytest.mark.parametrize("image", IMAGES)
def test_its_command_is_the_program_itself_so_that_signals_reach_it(stages: dict[str, Stage], image: str) -> None:
    (command,) = stages[image].all("CMD")
    assert json.loads(command)[0] in {"gunicorn", "posterity"}


@pytest.mark.parametrize(("image", "service"), [("api", "api"), ("worker", "worker-embed")])
def test_its_health_check_is_that_of_the_compose_file(
    stages: dict[str, Stage], compose: dict[str, Any], image: str, service: str
) -> None:
    (check,) = stages[image].all("HEALTHCHECK")
    options, _, command = check.partition(" CMD ")
    wanted = compose["services"][service]["healthcheck"]
    assert ["CMD", *json.loads(command)] == wanted["test"]
    given = dict(option.removeprefix("--").split("=") for option in options.split())
    assert {key.replace("-", "_"): value for key, value in given.items()} == {
        key: str(value) for key, value in wanted.items() if key != "test"
    }


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_from_outside_is_held_by_its_hash(stages: dict[str, Stage], image: str) -> None:
    installs = [
        command.strip()
        for stage in (*lineage(stages, image), *lineage(stages, f"{image}-venv"), *lineage(stages, "package"))
        for run in stage.all("RUN")
        for command in run.split("&&")
        if "pip install" in command
    ]
    assert len(installs) >= 3
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command


def test_the_api_image_decodes_no_picture_and_neither_has_tensorflow(stages: dict[str, Stage], repo: Path) -> None:
    assert stages["api-venv"].all("COPY")[0].startswith("requirements/api.lock ")
    tensorflow = {"tensorflow", "keras"}
    for lock, absent in (("api.lock", {*tensorflow, "pillow", "h5py"}), ("worker.lock", tensorflow)):
        named = re.findall(r"^([a-z0-9_.-]+)==", (repo / "requirements" / lock).read_text(), re.MULTILINE)
        assert "numpy" in named
        assert not absent & set(named)


def test_the_awk_line_takes_setuptools_with_its_hashes_out_of_the_lock(repo: Path) -> None:
    lock = (repo / "requirements" / "dev.lock").read_text()
    assert re.search(r"^setuptools==[\d.]+ \\\n(    --hash=sha256:\w+( \\)?\n)+", lock, re.MULTILINE)


def test_bytecode_is_kept(stages: dict[str, Stage]) -> None:
    text = " ".join(rest for stage in stages.values() for _, rest in stage.lines)
    assert "PYTHONDONTWRITEBYTECODE" not in text
    assert "--no-compile" not in text


def test_what_is_copied_is_there_and_reaches_the_builder(stages: dict[str, Stage], repo: Path) -> None:
    allowed = [
        line.removeprefix("!") for line in (repo / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    for copied in [rest for stage in stages.values() for rest in stage.all("COPY")]:
        *sources, _ = copied.split()
        if sources[0].startswith("--from") or sources == ["."]:
            continue
        for source in sources:
            path = source.replace("${LOCK}", "requirements/worker.lock")
            assert (repo / path).exists(), path
            assert any(path == entry or path.startswith(f"{entry}/") for entry in allowed), f".dockerignore: {path}"


def test_secrets_and_data_never_reach_the_builder(repo: Path) -> None:
    lines = (repo / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything is left out but what is named"
    assert not [line for line in lines if re.match(r"!(secrets|data|\.git|\.env|tests|posterity-data)", line)]
