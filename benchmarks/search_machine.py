"""What the machine can do, printed before anything is measured on it: the denominators of every figure.

Run: python -m benchmarks.search_machine THREADS
"""

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.own_process import run_module

PACKAGES = ("numpy", "scipy", "numba", "faiss-cpu")
FLAGS = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")  # those that decide speeds here
SIDE, STREAM_BYTES = 4_096, 1 << 30


def set_threads(threads: int) -> None:
    """The same number for BLAS, OpenMP and FAISS, so for both sides of every row; our own kernels use one."""
    faiss.omp_set_num_threads(threads)
    threadpool_limits(threads)


def described(threads: int) -> str:
    """CPU, flags, versions of BLAS, threads, load, sgemm GFLOP/s and stream GB/s, as lines.

    Measured in a process of its own: the kernel counts the peak memory of a child from its parent's on, so who starts
    others to measure theirs must stay small.
    """
    words: str = run_module("benchmarks.search_machine", str(threads)).printed
    return words


def measured(threads: int) -> str:
    """The same, measured here."""
    set_threads(threads)
    flags = " ".join(flag for flag in FLAGS if flag in cpu_flags()) or "unknown"
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return "\n".join(
        [
            f"{os.cpu_count()} cores, {cpu_name()}, flags: {flags}; {threads} threads on both sides; load {load}",
            f"sgemm {sgemm_gflops():.0f} GFLOP/s, stream {stream_gb_s():.1f} GB/s; {blas()}",
        ]
    )


def sgemm_gflops() -> float:
    """float32 products, best of three, in 10^9 operations a second."""
    draw = np.random.default_rng(0)
    left = draw.random((SIDE, SIDE), np.float32)
    return 2 * SIDE**3 / min(_seconds(lambda: left @ left) for _ in range(3)) / 1e9


def stream_gb_s() -> float:
    """Bytes read in order by all threads, best of three, in 10^9 a second: what a flat search lives on."""
    vector = np.ones(STREAM_BYTES // 4, np.float32)
    return STREAM_BYTES / min(_seconds(lambda: np.dot(vector, vector)) for _ in range(3)) / 1e9


def anonymous_mib() -> float:
    """Memory of this process that belongs to no file (RssAnon), MiB; NaN where the kernel does not say (not Linux)."""
    return _status_mib("RssAnon")


def peak_mib() -> float:
    """The most memory that this process had since its program began (VmHWM), MiB; NaN as above.

    Not `ru_maxrss`: that of a new process begins at what its parent had.
    """
    return _status_mib("VmHWM")


def _status_mib(field: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))


def blas() -> str:
    """Name, version and kernel of the linear algebra library that NumPy uses."""
    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return ", ".join(sorted({f"{info['internal_api']} {info['version']} {info.get('architecture')}" for info in found}))


def cpu_name() -> str:
    """The model as the kernel names it."""
    return _cpu_line("model name") or platform.processor() or "unknown CPU"


def cpu_flags() -> frozenset[str]:
    """What the CPU can do, as the kernel lists it; empty where it does not."""
    return frozenset(_cpu_line("flags").split())


def _cpu_line(name: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
