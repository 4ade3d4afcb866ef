import errno
import hashlib
import os
import stat

import pytest

from index import durable


def test_a_written_file_is_read_only_and_comes_with_its_digest(tmp_path):
    digest = durable.write_durably(tmp_path / "file", [b"one ", memoryview(b"two")])
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert digest == durable.FileDigest(hashlib.sha256(b"one two").hexdigest(), 7)
    assert digest == durable.digest_of(tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o444


def test_a_file_that_exists_is_not_overwritten(tmp_path):
    durable.write_durably(tmp_path / "file", [b"one"])
    with pytest.raises(FileExistsError, match="file"):
        durable.write_durably(tmp_path / "file", [b"two"])
    assert (tmp_path / "file").read_bytes() == b"one"


def test_short_writes_are_carried_on(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(durable.os, "write", lambda handle, data: write(handle, bytes(data)[:3]))
    durable.write_durably(tmp_path / "file", [b"0123456789"])
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, faults):
    faults.at(2, errno.ENOSPC)
    with pytest.raises(OSError, match="file") as raised:
        durable.write_durably(tmp_path / "file", [b"0123456789"])
    assert raised.value.errno == errno.ENOSPC


def test_a_replacement_is_the_old_or_the_new_content_at_every_step(tmp_path, faults):
    path = tmp_path / "CURRENT"
    for step in range(1, 100):
        faults.none()
        durable.replace_durably(path, b"old content")
        shim = faults.at(step)
        try:
            durable.replace_durably(path, b"new")
        except faults.Killed:
            assert path.read_bytes() in (b"old content", b"new")
        else:
            break
    assert shim.steps == step - 1 >= 7
    assert path.read_bytes() == b"new"


def test_everything_written_is_synced_before_its_name_is_replaced(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace", "write"):
        real = getattr(os, name)

        def noted(*args, name=name, real=real):
            done.append(name)
            return real(*args)

        monkeypatch.setattr(durable.os, name, noted)
    durable.replace_durably(tmp_path / "CURRENT", b"content")
    assert done == ["write", "fsync", "replace", "fsync"]
