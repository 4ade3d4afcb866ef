"""URLs of databases: wrong ones are one line that says what to do, and no password is ever shown."""

from pathlib import Path

import pytest

from catalog.database import Database
from catalog.errors import BadDatabaseUrl
from catalog.urls import readable, shown

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "it takes sqlite:///FILE or postgresql"),
        ("catalog.db", "it takes sqlite:///FILE or postgresql"),
        (f"mysql://u:{SECRET}@h/x", "it takes sqlite:///FILE or postgresql"),
        (f"postgresql+asyncpg://u:{SECRET}@h/x", "it takes sqlite:///FILE or postgresql"),
        (f"postgresql://u:{SECRET}@h:port/x", "it takes sqlite:///FILE or postgresql"),
        (f"postgresql://u:a@{SECRET}@h/x", "two @; write %40"),
        (f"postgresql://u:{SECRET}@h/x?sslmod=require", 'invalid connection option "sslmod"'),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str, says: str) -> None:
    with pytest.raises(BadDatabaseUrl) as caught:
        Database(url)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_forms_that_hosts_of_databases_hand_out_are_taken(form: str) -> None:
    assert readable(f"{form}://u:p@h/x").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "url", [f"postgresql://u:{SECRET}@h:5432/x", f"postgresql://h:5432/x?user=u&password={SECRET}"]
)
def test_what_is_shown_has_the_host_and_no_password(url: str) -> None:
    assert SECRET not in shown(readable(url))
    assert "h:5432/x" in shown(readable(url))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadDatabaseUrl, match=r"file.* cannot be made"):
        Database(f"sqlite:///{tmp_path / 'file' / 'catalog.db'}")
