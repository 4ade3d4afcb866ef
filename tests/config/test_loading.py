"""Settings: one line that names the key when something is wrong, and no secret in it."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.loading import load_settings

TOKEN = "0123456789abcdef" * 2


def test_without_settings_everything_has_a_default(tmp_path: Path) -> None:
    settings = load_settings({}, None)
    assert (settings.host, settings.port, settings.embedded, settings.sweep_interval_s) == (
        "127.0.0.1",
        8000,
        True,
        1.0,
    )
    assert settings.catalog_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("POSTERITY_PROT", "1", "unknown setting; did you mean POSTERITY_PORT"),
        ("POSTERITY_XYZZY", "1", "unknown setting; see docs/configuration.md"),
        ("POSTERITY_PORT", "eighty", "POSTERITY_PORT='eighty': "),
        ("POSTERITY_PORT", "70000", "POSTERITY_PORT='70000': "),
        ("POSTERITY_LEASE_S", "-1", "POSTERITY_LEASE_S='-1': "),
        ("POSTERITY_LOG_LEVEL", "loud", "POSTERITY_LOG_LEVEL='loud': "),
        ("POSTERITY_BROKER_URL", "amqp://x", "POSTERITY_BROKER_URL: must start with"),
        ("POSTERITY_ADMIN_TOKEN", "short", "POSTERITY_ADMIN_TOKEN: must be at least 32 bytes"),
        ("POSTERITY_READ_TOKEN", "short", "POSTERITY_READ_TOKEN: must be at least 32 bytes"),
        ("POSTERITY_CORS_ORIGINS", "*", "POSTERITY_CORS_ORIGINS='*': '*' is not an origin"),
        ("POSTERITY_TRUSTED_PROXIES", "-1", "POSTERITY_TRUSTED_PROXIES='-1': "),
        ("POSTERITY_RATE_LIMIT_POSTS_PER_MIN", "many", "POSTERITY_RATE_LIMIT_POSTS_PER_MIN='many': "),
        ("POSTERITY_ADMIN_TOKEN_FILE", "/no/such/file", "cannot read the secret file: No such file"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(key: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({key: value}, None)
    assert key in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_peoples_variables_are_none_of_our_business() -> None:
    assert load_settings({"PORT": "abc", "POSTERIOR_X": "1"}, None).port == 8000


def test_the_token_for_reading_must_not_open_the_admin_routes() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"POSTERITY_ADMIN_TOKEN": TOKEN, "POSTERITY_READ_TOKEN": TOKEN}, None)
    assert str(caught.value).startswith("POSTERITY_READ_TOKEN: must not be the admin token")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["ADMIN_TOKEN", "READ_TOKEN", "DATABASE_URL", "BROKER_URL"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    secret = {
        "ADMIN_TOKEN": TOKEN,
        "READ_TOKEN": TOKEN,
        "DATABASE_URL": "sqlite:///x.db",
        "BROKER_URL": "redis://:pw@h/0",
    }[name]
    (tmp_path / "secret").write_text(secret + "\n")
    settings = load_settings({f"POSTERITY_{name}_FILE": str(tmp_path / "secret")}, None)
    value = getattr(settings, name.lower())
    assert (value.get_secret_value() if name.endswith("TOKEN") else value) == secret


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTERITY_PORT=1111\nPOSTERITY_HOST=0.0.0.0\nOTHER=1\n")
    settings = load_settings({"POSTERITY_PORT": "2222"}, tmp_path / ".env")
    assert (settings.port, settings.host) == (2222, "0.0.0.0")


def test_a_typo_in_the_env_file_is_found_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTERITY_PROT=1111\n")
    with pytest.raises(ConfigError, match="POSTERITY_PROT"):
        load_settings({}, tmp_path / ".env")


@pytest.mark.parametrize("key", ["POSTERITY_ADMIN_TOKEN", "POSTERITY_READ_TOKEN", "POSTERITY_BROKER_URL"])
def test_no_error_and_no_repr_shows_a_secret(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({key: "hunter2"}, None)
    assert "hunter2" not in str(caught.value)
    assert TOKEN not in repr(load_settings({"POSTERITY_ADMIN_TOKEN": TOKEN}, None))
