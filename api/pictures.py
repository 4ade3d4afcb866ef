"""Pictures that come in: how large, and of which kind; a worker looks into them."""

MAX_PICTURE_BYTES = 10 << 20  # reliability.md section 9
MAX_UPLOAD_BYTES = MAX_PICTURE_BYTES + (64 << 10)  # what multipart writes around one


def picture_type(content: bytes) -> str | None:
    """The media type that the first bytes say, whatever the sender says; None for anything we do not take."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
