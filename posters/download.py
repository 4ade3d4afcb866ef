"""Keras' own file of VGG16 weights: found in Keras' cache, or downloaded into it and checked."""

import hashlib
import os
import secrets
import urllib.request
from pathlib import Path

from posters.errors import WeightsMismatch, WeightsUnavailable

# Name, address and digest as in keras/src/applications/vgg16.py.
FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{FILE}"
MD5 = "6d6bbae143d832006294945121d1f1fc"
MAX_BYTES = 64 * 1024 * 1024  # the file has 58,889,256
CONNECT_AND_READ_TIMEOUT_S = 30.0


def keras_weights(url: str = URL, md5: str = MD5) -> Path:
    """Path of the file in Keras' cache (`KERAS_HOME`, else `~/.keras`), with the digest Keras publishes.

    Raises:
        WeightsUnavailable: it is not there and cannot be downloaded or kept.
        WeightsMismatch: it is there, or was downloaded, and is not the published file.
    """
    path = _keras_home() / "models" / FILE
    try:
        content = path.read_bytes() if path.is_file() else None
        if content is None:
            content = _download(url)
            _check(content, md5, url)
            _keep(content, path)
    except OSError as err:
        why = f"{path} is not there and cannot be downloaded ({err}); use `bundled`, or put the file there"
        raise WeightsUnavailable("imagenet", why) from err
    _check(content, md5, path)
    return path


def _keras_home() -> Path:
    home = os.environ.get("KERAS_HOME")  # Keras' own setting, so that both find the same file
    return Path(home) if home else Path.home() / ".keras"


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=CONNECT_AND_READ_TIMEOUT_S) as answer:  # noqa: S310 (https, ours)
        content: bytes = answer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(f"{url} sends more than {MAX_BYTES:,} bytes")
    return content


def _keep(content: bytes, path: Path) -> None:
    """Written aside and renamed: another process never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _check(content: bytes, md5: str, where: object) -> None:
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if got != md5:
        raise WeightsMismatch(md5, got, where)
