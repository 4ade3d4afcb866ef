"""Answers that a client may keep and ask about again: a strong ETag, and 304 where nothing changed."""

from hashlib import blake2b
from http import HTTPStatus

from flask import Response, request

JSON = "application/json"
# Kept, but asked about each time: a deleted movie is gone from the answers within two seconds, which an age would undo.
# Private: what one reader may see is not for a proxy to keep.
CACHE_CONTROL = "private, no-cache"
TAG_BYTES = 12
MOST_AT_ONCE = 2047  # bytes; of more, hashlib lets other threads go first, and waiting for them takes longer than this


def headers_of(body: bytes) -> list[tuple[str, str]]:
    """What is said about this JSON, its ETag with it.

    The tag is a digest of the text itself: it stays right after a restart and between processes, which each count the
    changes they see for themselves.
    """
    digest = blake2b(digest_size=TAG_BYTES)
    for start in range(0, len(body), MOST_AT_ONCE):
        digest.update(body[start : start + MOST_AT_ONCE])
    return [("Content-Type", JSON), ("ETag", f'"{digest.hexdigest()}"'), ("Cache-Control", CACHE_CONTROL)]


def kept_answer(body: bytes) -> Response:
    """This JSON as an answer, or 304 when the client has the same already."""
    response = Response(body, headers=headers_of(body))
    if "HTTP_IF_NONE_MATCH" in request.environ:
        response.make_conditional(request)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            del response.headers["Content-Type"]  # there is no content
    return response
