"""The steps of a program that is not ours, as strace saw them: a log like that of `tests.faults.power.Recorder`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.power import File, Recorder, sync

CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,unlinkat,rename,close,mkdir"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
SAID = 1  # its standard output


class Traced(Recorder):
    """What a traced program did below a folder, which must be as it was before it ran.

    Attributes:
        said: what it wrote to its standard output, each with the number of steps that it had taken until then.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.said: list[tuple[int, str]] = []
        self._paths: dict[int, Path] = {}

    def read(self, trace: str) -> None:
        """Takes the lines of strace over, made with `-xx`."""
        for line in trace.splitlines():
            if (call := _CALL.match(line)) and int(call[3]) >= 0:
                strings = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(call[2])]
                self._take(call[1], call[2], strings, int(call[3]))

    def _take(self, name: str, arguments: str, strings: list[bytes], result: int) -> None:
        if name == "openat":
            self._opened(Path(os.fsdecode(strings[0])), arguments, result)
        elif name in ("unlink", "unlinkat"):
            self._gone(Path(os.fsdecode(strings[0])))
        elif name in ("write", "pwrite64", "fsync", "fdatasync", "close", "ftruncate"):
            self._used(name, int(arguments.split(",")[0]), arguments, strings, result)

    def _opened(self, path: Path, arguments: str, handle: int) -> None:
        if path != self.root and self.root not in path.parents:
            return
        self._paths[handle] = path
        if path not in self._numbers:
            assert "O_CREAT" in arguments, path
            number = self._new(path)
            self._note(f"make {path.name}", lambda disk: disk.files.setdefault(number, File()))
            self._name(path, {path.name: number})

    def _gone(self, path: Path) -> None:
        if self._numbers.pop(path, None) is not None:
            self._name(path, {path.name: None})

    def _used(self, name: str, handle: int, arguments: str, strings: list[bytes], result: int) -> None:
        if handle == SAID and name == "write":
            self.said.append((len(self.log), strings[0].decode()))
        if handle not in self._paths:
            return
        path = self._paths[handle]
        number = self._numbers.get(path)
        if name == "close":
            del self._paths[handle]
        elif name == "pwrite64" and number is not None:
            place, content = int(arguments.rpartition(",")[2]), strings[0][:result]
            self._note(f"write {path.name}", lambda disk: disk.files[number].pending.append((place, content)))
        elif name in ("fsync", "fdatasync") and number is not None:
            self._note(f"sync {path.name}", lambda disk: sync(disk, number))
        else:
            assert number is None, f"{name} of {path.name} is not known to this replay"


def traced(root: Path, *arguments: str, timeout_s: float = 120) -> Traced:
    """Runs `python -m ARGUMENTS` under strace and returns what it did below a folder."""
    program = shutil.which("strace")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("strace must be installed in CI: .ci/services does it")
        pytest.skip("needs strace, which is not installed")
    made, log = Traced(root), root.parent / "trace"
    command = [program, "-f", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-m", *arguments],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if "ptrace" in done.stderr or "Operation not permitted" in done.stderr:
        if os.environ.get("CI"):
            pytest.fail(f"CI must be allowed to trace a process: {done.stderr.splitlines()[0]}")
        pytest.skip(f"needs the right to trace a process: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    made.read(log.read_text())
    return made
