"""What every operation may answer for the sake of the whole app, in its OpenAPI document."""

from typing import Any

from flask_openapi3.models.path_item import PathItem
from flask_openapi3.models.response import Response

from api.errors import problem_responses
from api.limiting import Limits
from api.tokens import ADMIN_SCHEME, OPEN, READ_SCHEME, Tokens

METHODS = ("get", "post", "patch", "delete")


def declared(path: str, item: PathItem, tokens: Tokens, limits: Limits) -> PathItem:
    """A copy of the path whose operations declare the errors of tokens and limits, and the token that reading needs."""
    if path in OPEN:
        return item
    statuses = ([401] if tokens.read else []) + ([429] if limits.rules or limits.pending else [])
    more = {str(status): Response.model_validate(told) for status, told in problem_responses(*statuses).items()}
    changed = {}
    for method in METHODS:
        operation = getattr(item, method)
        if operation is None:
            continue
        added: dict[str, Any] = {"responses": {**(operation.responses or {}), **more}}
        if tokens.read and not operation.security:
            added["security"] = [{READ_SCHEME: []}, {ADMIN_SCHEME: []}] if tokens.admin else [{READ_SCHEME: []}]
        changed[method] = operation.model_copy(update=added)
    return item.model_copy(update=changed)


def schemes(tokens: Tokens) -> dict[str, Any]:
    """The tokens that this app knows, for the document."""
    known = {ADMIN_SCHEME: tokens.admin, READ_SCHEME: tokens.read}
    return {name: {"type": "http", "scheme": "bearer"} for name, digest in known.items() if digest is not None}
