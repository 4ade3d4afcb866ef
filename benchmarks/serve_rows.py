"""The rows of `benchmarks.serve`: latency, requests a second, and the swap to another snapshot."""

import json
import os
import statistics
import time
from dataclasses import dataclass, field
from urllib.request import urlopen

from benchmarks.bars import Row, bar
from benchmarks.serve_client import Asked, ask_apart
from benchmarks.serve_scene import Scene, finish
from benchmarks.serve_servers import Running, Server, bare, ours
from tests.deploy.load import Load, Question

ROUNDS, QUICK_ROUNDS = 7, 2
AT_ONCE = 8  # connections, as many as the servers have threads
POPULAR = 1000  # movies that are asked about again and again: some 2 MB of answers
WARM = 400  # requests before anything is measured
REBUILDS, QUICK_REBUILDS = 3, 1
QUIET_S, QUICK_QUIET_S = 30.0, 8.0
SERVED_WITHIN_S = 20.0


@dataclass
class Side:
    """What one of the two servers did in all rounds: with one connection, with eight, and asked the same again."""

    server: Running
    alone: list[Asked] = field(default_factory=list)
    crowded: list[Asked] = field(default_factory=list)
    again: list[Asked] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, paths: list[str]) -> None:
        """One round."""
        turn = 2 * len(self.alone)
        self.alone.append(ask_apart(self.server.port, len(paths), 1, _unheard(paths, turn + 1)))
        before = self.server.cpu_s()
        self.crowded.append(ask_apart(self.server.port, len(paths), AT_ONCE, _unheard(paths, turn + 2)))
        self.cpu_us.append((self.server.cpu_s() - before) / len(paths) * 1e6)
        few = paths[:POPULAR]
        ask_apart(self.server.port, len(few), AT_ONCE, few)
        self.again.append(ask_apart(self.server.port, 2 * len(few), AT_ONCE, few))

    @property
    def p50_s(self) -> float:
        """Median seconds of a request that is alone."""
        return statistics.median(statistics.median(asked.seconds) for asked in self.alone)

    @property
    def failures(self) -> list[str]:
        """Of all requests."""
        return [failure for asked in (*self.alone, *self.crowded, *self.again) for failure in asked.failures]


def _unheard(paths: list[str], turn: int) -> list[str]:
    """The same questions in a spelling that nobody used before, so that no kept answer fits."""
    return [path.replace("?", "?" + "&" * turn) for path in paths]


def latency_and_rate(scene: Scene, server: Server, quick: bool) -> list[Row]:
    """Both rows of one server."""
    paths = scene.paths[:1000] if quick else scene.paths
    with ours(server, scene.data_dir) as api:
        body = scene.data_dir.parent / "body.json"
        with urlopen(f"http://127.0.0.1:{api.port}{paths[0]}") as answer:
            body.write_bytes(answer.read())
        with bare(server, body, scene.data_dir) as plain:
            one, other = Side(api), Side(plain)
            inside = []
            for side in (one, other):
                ask_apart(side.server.port, WARM, AT_ONCE, paths)
            for _ in range(QUICK_ROUNDS if quick else ROUNDS):
                one.measure(paths)
                other.measure(paths)
                inside.append(scene.in_process_s())
    return _rows(server, one, other, statistics.median(inside))


def _rows(server: Server, one: Side, other: Side, inside_s: float) -> list[Row]:
    wanted = bar("serve_latency")
    added_ms = (one.p50_s - inside_s) * 1000
    failed = one.failures + other.failures
    latency = Row(
        f"{wanted['what']} ({server}, each question new)",
        f"{added_ms:.2f} ms",
        f"<= {wanted['ms']} ms",
        added_ms <= wanted["ms"] and not failed,
        f"over loopback {one.p50_s * 1000:.3f} ms, in process {inside_s * 1000:.3f} ms; the bare route alone "
        f"{other.p50_s * 1000:.3f} ms; {len(failed)} failed; load {os.getloadavg()[0]:.1f}",
    )
    cpu = f"processor {statistics.median(one.cpu_us):.0f} against {statistics.median(other.cpu_us):.0f} us a request"
    return [
        latency,
        _rate(f"{server}, each question new", one.crowded, other.crowded, cpu),
        _rate(f"{server}, asked before", one.again, other.again, ""),
    ]


def _rate(how: str, one: list[Asked], other: list[Asked], beside: str) -> Row:
    least = bar("serve_latency")["share"]
    shares = [a.per_s / b.per_s for a, b in zip(one, other, strict=True)]
    share = statistics.median(shares)
    numbers = [f"{statistics.median(asked.per_s for asked in side):,.0f}/s" for side in (one, other)]
    said = f"{' against '.join(numbers)}, {AT_ONCE} connections; rounds {min(shares):.2f} to {max(shares):.2f}"
    return Row(
        f"requests/s of `/similar` against a bare Flask route ({how})",
        f"{share:.2f}",
        f">= {least}",
        share >= least,
        f"{said}; {beside}" if beside else said,
    )


def swap_row(scene: Scene, quick: bool) -> Row:
    """Rebuilds beside the API, one after the other, while it is asked 50 times a second."""
    wanted = bar("serve_swap")
    questions = [Question(path) for path in scene.paths]
    with ours("gunicorn", scene.data_dir) as api:
        ask_apart(api.port, WARM, AT_ONCE, scene.paths)
        with Load(api.port, questions, wanted["per_s"]) as quiet:
            time.sleep(QUICK_QUIET_S if quick else QUIET_S)
        first = _generation(api, scene)
        with Load(api.port, questions, wanted["per_s"]) as swapping:
            for number in range(QUICK_REBUILDS if quick else REBUILDS):
                finish(scene.start_rebuild())
                _until_served(api, scene, first + number + 1)
    times, failed = _p99(swapping) / _p99(quiet), len(quiet.failures) + len(swapping.failures)
    return Row(
        wanted["what"],
        f"{times:.2f} x quiet p99, {failed} failed of {quiet.count + swapping.count:,}",
        wanted["at_least"],
        times <= wanted["times_quiet"] and failed == 0,
        f"{_generation_words(first, quick)}; p50 {_ms(statistics.median(swapping.seconds))} (quiet "
        f"{_ms(statistics.median(quiet.seconds))}), p99 {_ms(_p99(swapping))} (quiet {_ms(_p99(quiet))}), longest "
        f"{_ms(max(swapping.seconds))}; {swapping.count / swapping.took_s:.1f}/s; load {os.getloadavg()[0]:.1f}",
    )


def _generation_words(first: int, quick: bool) -> str:
    return f"snapshots {first} to {first + (QUICK_REBUILDS if quick else REBUILDS)}"


def _generation(api: Running, scene: Scene) -> int:
    with urlopen(f"http://127.0.0.1:{api.port}{scene.paths[0]}") as answer:
        return int(json.load(answer)["index_version"])


def _until_served(api: Running, scene: Scene, generation: int) -> None:
    give_up = time.monotonic() + SERVED_WITHIN_S
    while _generation(api, scene) < generation:
        if time.monotonic() > give_up:
            raise SystemExit(f"snapshot {generation} was published, but is not served after {SERVED_WITHIN_S:.0f} s")
        time.sleep(0.2)


def _p99(load: Load) -> float:
    return statistics.quantiles(load.seconds, n=100)[98]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
