"""Every failure a person can cause on the command line is one line that names what and where; never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
BUNDLED = REPO / "data" / "ml-latest-small"


def posterity(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POSTERITY_") and k != "PYTHONDONTWRITEBYTECODE"}
    ours = {f"POSTERITY_{name}": value for name, value in {"DATA_DIR": str(folder / "data"), **settings}.items()}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=kept | ours, cwd=REPO, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    assert posterity(folder, "import", "movielens", str(BUNDLED)).returncode == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("import", "movielens", "/nowhere"), {}, "/nowhere: there is no such folder"),
        (("import", "movielens", "docs"), {}, "docs: not a MovieLens folder"),
        (("similar", "zzzqqq"), {}, "no movie is called 'zzzqqq'"),
        (("similar", "Heat (1966)"), {}, "of another year: Heat (1995)"),
        (("similar", "Heat"), {}, "no snapshot is ready"),
        (("rollback",), {}, "does not exist; available: none"),
        (("rebuild",), {}, "rebuild failed: "),
        (("similar", "1"), {"PROT": "1"}, "POSTERITY_PROT: unknown setting; did you mean POSTERITY_PORT?"),
        (("similar", "1"), {"PORT": "x"}, "POSTERITY_PORT='x'"),
        (("similar", "1"), {"DATABASE_URL": "nonsense:hunter2"}, "the database URL is not one"),
        (("serve",), {"HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1:8000"),
        (("worker", "--kinds", "fetch"), {"POSTER_SOURCES": "folder:/nowhere"}, "there is no folder /nowhere"),
        (("worker", "--kinds", "embed"), {"WEIGHTS": "/nowhere.npz"}, "/nowhere.npz: cannot be read"),
        (("embed", "--wait"), {"POSTER_SOURCES": "folder:/nowhere"}, "there is no folder /nowhere"),
    ],
)
def test_a_failure_is_one_line_and_code_1(
    imported: Path, arguments: tuple[str, ...], settings: dict[str, str], words: str
) -> None:
    done = posterity(imported, *arguments, **settings)
    assert done.returncode == 1, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("posterity: ")]
    assert words in said[0]
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("similar", "Heat", "-k", "-1"), "-1 is not in the range"),
        (("worker", "--kinds", "bogus"), "is not a list of fetch, embed, build"),
        (("frobnicate",), "No such command 'frobnicate'"),
        (("retry", "--reason", "bogus"), "'bogus' is not one of"),
    ],
)
def test_a_wrong_call_is_explained_with_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = posterity(tmp_path, *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_every_command_has_help_with_an_example(tmp_path: Path) -> None:
    from cli.main import cli

    listed = cli.list_commands(None)  # type: ignore[arg-type]
    for name in listed:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert "Example: posterity" in (command.help or "") or "Example: POSTERITY_" in (command.help or ""), name
