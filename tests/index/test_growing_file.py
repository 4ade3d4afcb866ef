"""A file whose head comes last is on the disk, whole and read-only, when it is finished."""

import os
import stat

import pytest

from index import durable
from index.durable import GrowingFile, digest_of


def test_everything_written_is_synced_before_it_is_finished(tmp_path, monkeypatch):
    done = []
    for name in ("write", "fsync", "close"):
        real = getattr(os, name)

        def noted(*args, name=name, real=real):
            done.append(name)
            return real(*args)

        monkeypatch.setattr(durable.os, name, noted)
    growing = GrowingFile(tmp_path / "file", head=4)
    growing.write(b"rest")
    digest = growing.finish(b"head")
    monkeypatch.undo()
    assert done == ["write", "write", "write", "fsync", "close"]
    assert (tmp_path / "file").read_bytes() == b"headrest"
    assert digest == digest_of(tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o444


def test_a_head_of_another_length_is_refused(tmp_path):
    growing = GrowingFile(tmp_path / "file", head=4)
    with pytest.raises(ValueError, match="4 bytes were left free, not 3"):
        growing.finish(b"hea")
    growing.close()
