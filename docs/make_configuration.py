"""Writes docs/configuration.md from `config.settings.Settings`: `python docs/make_configuration.py`."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.loading import SECRET_FIELDS
from config.settings import PREFIX, Settings

PAGE = Path(__file__).with_name("configuration.md")
INTRODUCTION = """# Configuration

<!-- Made by docs/make_configuration.py from config/settings.py: change it there, then run `python docs/make_configuration.py`. -->

Settings come from the environment, or from a file `.env` in the folder where a command runs; the environment wins. An
unknown `POSTERITY_` variable and a bad value are errors of one line that name the variable. An empty value means the
default. They are read once, when a process starts.

A setting marked "or `..._FILE`" can also be given by a variable whose name ends in `_FILE` and whose value is the path of
a file that holds it: a secret then stands in no environment. White space around it is dropped.

| variable | type | default | meaning |
|---|---|---|---|
"""  # noqa: E501 - one line, so that it stays a comment of the page
NAMES = {str: "text", int: "whole number", float: "number", Path: "path", SecretStr: "secret"}
LIMITS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))


def page() -> str:
    """The whole page, ending in a newline.

    Raises:
        ValueError: a setting without a docstring, or of a type that this program has no word for.
    """
    return INTRODUCTION + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"config/settings.py: {name} has no docstring below it; say there what it means")
    variable = f"`{PREFIX}{name.upper()}`" + (" or `..._FILE`" if name in SECRET_FIELDS else "")
    default = "none" if field.default in (None, "") else f"`{_number(field.default)}`"
    meaning = " ".join(field.description.split()).replace("|", "\\|")
    return f"| {variable} | {_type(name, field)} | {default} | {meaning} |\n"


def _number(default: Any) -> Any:
    return f"{default:g}" if isinstance(default, float) else default


def _type(name: str, field: FieldInfo) -> str:
    words = [_word(name, kind) for kind in _kinds(field.annotation)]
    limits = [
        f"{words_of} {bound:,}"
        for key, words_of in LIMITS
        for rule in field.metadata
        if (bound := getattr(rule, key, None)) is not None
    ]
    return ", ".join([" or ".join(words), *limits])


def _kinds(annotation: Any) -> list[Any]:
    """What an optional setting is when it is given; None has no row of its own."""
    if annotation in NAMES or get_origin(annotation) is Literal:
        return [annotation]
    return [kind for kind in get_args(annotation) if kind is not type(None)]


def _word(name: str, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind not in NAMES:
        raise ValueError(f"docs/make_configuration.py: no word for the type {kind!r} of {name}; add it to NAMES")
    return NAMES[kind]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
