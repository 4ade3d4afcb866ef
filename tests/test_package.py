"""The distribution: what the wheel carries, what the API needs, and what no file of the repository may hold."""

import email
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PACKAGES = {"api", "catalog", "cli", "config", "faults", "index", "posters", "ratings", "workers"}
WEIGHTS = "posters/weights/vgg16-imagenet-notop-f16.npz"
# Written in pieces, so that this file does not hold them itself.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files of the repository: those that git knows and those that it would take."""
    if not (REPO / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs the git clone, not an unpacked copy")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPO, capture_output=True, check=True).stdout.decode().split("\0")
    return [Path(name) for name in names if name and (REPO / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: the clone may hold left-overs of earlier builds."""
    copy = tmp_path_factory.mktemp("clone")
    for path in tracked:
        if path.parts[0] not in ("tests", "data", "docs", "benchmarks"):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / path, copy / path)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist", copy]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_its_top_level_names_are_exactly_the_eight_packages(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert len(tops) == len(PACKAGES) + 1


def test_it_carries_every_source_file_of_the_packages(names: set[str], tracked: list[Path]) -> None:
    sources = {path.as_posix() for path in tracked if path.suffix == ".py" and path.parts[0] in PACKAGES}
    assert sources
    assert sources <= names


def test_it_carries_what_is_not_code(names: set[str], tracked: list[Path]) -> None:
    data = {path.as_posix() for path in tracked if path.parts[0] in PACKAGES and path.suffix != ".py"}
    assert data <= names, f"not in package-data of pyproject.toml: {sorted(data - names)}"
    assert WEIGHTS in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    for folder in ("api/templates/", "api/static/", "cli/templates/", "posters/fonts/", "catalog/migrations/versions/"):
        assert any(name.startswith(folder) for name in names), folder


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_it_carries_the_licence_and_the_attributions(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [each for each in archive.namelist() if each.endswith(f".dist-info/licenses/{name}")]
        assert archive.read(path) == (REPO / name).read_bytes()


def test_nothing_of_the_tests_nor_of_the_data_is_in_it(names: set[str]) -> None:
    assert not [name for name in names if name.startswith("tests/") or name.endswith((".csv", ".jpg", ".pyc"))]


def test_only_the_extras_ask_for_tensorflow(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(path))
    required = metadata.get_all("Requires-Dist", [])
    heavy = [line for line in required if line.lower().startswith(("tensorflow", "keras", "pillow"))]
    assert heavy
    assert all("extra ==" in line for line in heavy)


def test_the_installed_api_answers_without_tensorflow(installed: Path, tmp_path: Path) -> None:
    program = f"""
        import sys

        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {{"tensorflow", "keras", "PIL"}}:
                    raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

        sys.meta_path.insert(0, Absent())
        import api.app
        from config.loading import load_settings

        assert api.app.__file__.startswith({str(installed)!r}), api.app.__file__
        app = api.app.create_app(load_settings(env_file=None))  # runs the migrations of the wheel
        client = app.test_client()
        for path in ("/livez", "/", "/docs", "/openapi.json", "/movies"):
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code, answer.text)
        assert client.get("/similar?movie_id=1").status_code == 404
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("POSTERITY_", "PYTHON"))}
    environment |= {"PYTHONPATH": str(installed), "POSTERITY_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_file_holds_a_path_of_this_machine_or_the_host_of_a_registry(tracked: list[Path]) -> None:
    home, here = Path.home(), [REPO, REPO.parent]
    places = [f"{place}/" for place in (home, *here) if len(place.parts) > 1]
    forbidden = [text.encode() for text in (*places, *REGISTRIES)]
    found = [
        f"{path}: {text.decode()}"
        for path in tracked
        if path.as_posix() != WEIGHTS
        for text in forbidden
        if text in (REPO / path).read_bytes()
    ]
    assert found == []
