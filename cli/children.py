"""Starts our own commands as child processes that end with us."""

import os
import subprocess
import sys


def run_child(*arguments: str) -> "subprocess.Popen[bytes]":
    """Starts `posterity ARGUMENTS` in a session of its own, its standard input held open by this process.

    In one process group Ctrl-C would arrive twice and a request in flight would be lost (reliability.md section 9).
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "cli.main", *arguments],
        stdin=subprocess.PIPE,
        stdout=2,  # what a library prints must not get between our results
        start_new_session=True,
        env=environment,
    )
