"""The documents: every link inside the repository leads somewhere, and every decision is listed."""

import re
from pathlib import Path

import pytest

DOCUMENTS = ("CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/decisions/*.md")
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")


def documents(repo: Path) -> list[Path]:
    return [path for pattern in DOCUMENTS for path in sorted(repo.glob(pattern))]


def test_every_link_leads_to_a_file(repo: Path) -> None:
    found = documents(repo)
    assert len(found) >= 6
    for path in found:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.relative_to(repo)}: {target}"


def test_every_decision_is_listed_with_its_title(repo: Path) -> None:
    folder = repo / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    notes = sorted(folder.glob("[0-9]*.md"))
    for number, path in enumerate(notes, start=1):
        title = path.read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {number}. ")
        assert f"{number}. [{title.removeprefix(f'# {number}. ')}]({path.name})" in listed


@pytest.mark.parametrize("folder", ["data/ml-latest-small", "posters/fonts", "posters/weights"])
def test_what_others_made_is_in_the_notice(repo: Path, folder: str) -> None:
    notice = (repo / "NOTICE").read_text(encoding="utf-8")
    assert folder in notice
    for path in (repo / folder).iterdir():
        if path.suffix in {".ttf", ".npz"}:
            assert path.name in notice
