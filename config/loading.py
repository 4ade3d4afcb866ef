"""From the environment, `.env` and secret files to `Settings`, with one-line errors."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from config.errors import ConfigError
from config.settings import PREFIX, Settings

# A URL may hold a password; each of these may come from a file.
SECRET_FIELDS = ("admin_token", "read_token", "database_url", "broker_url", "tmdb_token")
FOR_TESTS = ("POSTERITY_FAULT", "POSTERITY_FAULT_MARK")  # read by faults.points alone


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """The settings of this process; the environment wins over `.env`.

    Args:
        environ: the environment, `os.environ` by default.
        env_file: a file of `KEY=value` lines, read when it exists; None reads none.

    Raises:
        ConfigError: an unknown `POSTERITY_` key, a bad value, or a secret file that cannot be read.
    """
    given = {**_from_file(env_file), **_ours(os.environ if environ is None else environ)}
    values = {key.removeprefix(PREFIX).lower(): value for key, value in _with_secrets(given).items() if value != ""}
    for name in values:
        if name not in Settings.model_fields:
            raise ConfigError(_unknown(name))
    try:
        return Settings.model_validate(values)
    except ValidationError as err:
        first = err.errors()[0]
        name = str(first["loc"][0])
        shown = "" if name in SECRET_FIELDS else f"={values.get(name)!r}"
        raise ConfigError(f"{PREFIX}{name.upper()}{shown}: {first['msg'].removeprefix('Value error, ')}") from None


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if key.startswith(PREFIX) and key not in FOR_TESTS}


def _from_file(env_file: Path | None) -> dict[str, str]:
    if env_file is None or not env_file.is_file():
        return {}
    return _ours({key: value or "" for key, value in dotenv_values(env_file).items()})


def _with_secrets(given: dict[str, str]) -> dict[str, str]:
    """Replaces every `..._FILE` of a secret setting by what the file holds."""
    values = dict(given)
    for name in SECRET_FIELDS:
        key = PREFIX + name.upper()
        path = values.pop(key + "_FILE", "")
        if path and not values.get(key):
            values[key] = _read_secret(key + "_FILE", Path(path))
    return values


def _read_secret(key: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        why = getattr(err, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"{key}={str(path)!r}: cannot read the secret file: {why}") from err


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"; did you mean {PREFIX}{close[0].upper()}?" if close else "; see docs/configuration.md"
    return f"{PREFIX}{name.upper()}: unknown setting{hint}"
