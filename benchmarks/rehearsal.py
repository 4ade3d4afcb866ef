"""A day of an operator, as a transcript: production start, enqueue, watch, a poisoned token, retry, rollback.

The processes are those of docker-compose.yml, run natively, with logs as text: `docker compose` itself, and what writes
the file of the token, stand for what was done in their place. TMDB is a server of our own that speaks its shapes. All
other lines below a `$` are what the command printed.

Run: python -m benchmarks.rehearsal > docs/transcript.md
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.small_movielens import small_movielens
from catalog.entries import State
from tests.deploy.conftest import compose_file, everything
from tests.deploy.stack import REPO, Stack
from tests.posters.tmdb_server import TmdbServer

SHOWN_LINES, SHOWN_CHARACTERS = 24, 600


class Rehearsal:
    """One stack, and what was typed and printed."""

    def __init__(self, stack: Stack, server: TmdbServer) -> None:
        self.stack, self.server = stack, server

    def say(self, text: str) -> None:
        """A sentence between two commands."""
        print(f"```\n\n{text}\n\n```console", flush=True)

    def type(self, *words: str, shown: str = "") -> str:
        """Runs a command as the service `cli` of the compose file would, and shows what it printed."""
        print(f"$ {shown or ' '.join(words)}", flush=True)
        done = subprocess.run(
            words, env=self.stack.environment("cli"), cwd=REPO, capture_output=True, text=True, check=False
        )
        self.show(done.stderr + done.stdout)
        return done.stdout

    def show(self, text: str) -> None:
        """Output, without what only this run knows."""
        text = text.replace(str(self.stack.home), "/srv/posterity").replace(f"{REPO}/", "")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        print("\n".join(lines[-SHOWN_LINES:]), flush=True)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Waits in silence."""
        self.stack.wait_until(condition, 240, what)

    def counts(self) -> dict[State, int]:
        """Movies by state."""
        catalog = self.stack.catalog()
        counts = catalog.work.counts()
        catalog.close()
        return counts

    def restart(self, name: str) -> None:
        """A new process of this service, then SIGTERM to the old one."""
        old = self.stack.processes.pop(name)
        self.stack.start(name)
        old.terminate()
        old.wait(120)

    def curl(self, path: str, shown: str, method: str = "GET", body: Any = None) -> Any:
        """One request to the API; shown as one would type it, the answer cut short."""
        print(f"$ curl {shown}")
        answer = self.stack.ask(path, body, self.stack.secret("admin_token") if method != "GET" else "", method)
        text = json.dumps(answer.body)
        self.show(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ...")
        return answer


def main() -> None:
    """Runs it and prints the page."""
    with TmdbServer(without_poster=set(), size=(342, 513)) as server, tempfile.TemporaryDirectory() as folder:
        compose = compose_file()
        for service in compose["services"].values():
            if "POSTERITY_DATA_DIR" in service.get("environment", {}):
                service["environment"] |= {
                    "POSTERITY_TMDB_API_URL": server.api_url,
                    "POSTERITY_TMDB_IMAGE_URL": server.image_url,
                    "POSTERITY_LOG_FORMAT": "text",
                    "POSTERITY_SWEEP_S": "5",
                }
        movies = small_movielens(Path(folder) / "ml-small")
        print("# A day of operating Posterity\n")
        print("<!-- Made by `python -m benchmarks.rehearsal > docs/transcript.md`. -->\n")
        print((__doc__ or "").split("\n\n")[1].replace("\n", " ") + "\n\n```console")
        with everything(compose, Path(folder)) as stack:
            stack.wait_until(stack.up, 90, "the API answers")
            _day(Rehearsal(stack, server), movies)
        print("```")


def _day(day: Rehearsal, movies: Path) -> None:
    processes = ("postgres", "redis", "api", "worker-fetch", "worker-embed", "worker-build")
    day.show("\n".join(f"{name:14} started" for name in processes))
    day.say("**Import and train.** Real numbers of the sixty most-rated movies of the bundled data.")
    day.type("posterity", "import", "movielens", str(movies), shown="posterity import movielens /import/ml-small")
    day.type("posterity", "train")

    day.say("**A poisoned token.** Somebody pasted the wrong line into `secrets/tmdb_token` and restarted the worker.")
    _set_token(day, "not-the-token")
    day.restart("worker-fetch")
    print("$ printf %s not-the-token > secrets/tmdb_token   # and worker-fetch is restarted")
    day.type("posterity", "embed")
    day.wait(lambda: day.stack.ask("/readyz").body.get("checks", day.stack.ask("/readyz").body)["sources"], "a refusal")
    day.wait(lambda: "refused" in str(day.stack.ask("/readyz").body), "the refusal is seen")
    day.type("posterity", "status", "--once")
    day.curl("/readyz", "http://127.0.0.1:8000/readyz")
    day.show(_grep(day, "worker-fetch", "refused"))
    day.say("No movie has lost an attempt. **The right token**, and the worker again: it goes on at once.")
    _set_token(day, day.server.token)
    day.restart("worker-fetch")
    print('$ printf %s "$TMDB_READ_ACCESS_TOKEN" > secrets/tmdb_token   # and worker-fetch is restarted')
    day.type("posterity", "embed", "--wait")
    day.type("posterity", "rebuild")
    day.type("posterity", "similar", "toy story", "--by", "ratings", "-k", "3")

    day.say("**Three premieres** that TMDB has no posters of yet, with no title cards wanted; a week later: **retry**.")
    _retry(day)
    day.say("**Rollback** to the snapshot before.")
    day.type("posterity", "rebuild")
    day.type("posterity", "rollback", "--list")
    day.type("posterity", "rollback")
    day.type("posterity", "rollback", "--list")
    day.say("**At the end of the day.**")
    day.type("posterity", "status", "--once")


def _retry(day: Rehearsal) -> None:
    """Three movies whose pictures are not to be had, until they are."""
    ids = [850_001, 850_002, 850_003]
    day.server.without_poster.update(ids)
    new = [{"movie_id": i, "title": f"Premiere {i % 10}", "year": 2026, "tmdb_id": i} for i in ids]
    sources = day.stack.service("worker-fetch")["environment"]
    sources["POSTERITY_POSTER_SOURCES"] = "tmdb"
    day.restart("worker-fetch")
    answer = day.curl("/movies", "-X POST http://127.0.0.1:8000/movies -d @premieres.json", "POST", new)
    job = f"/jobs/{answer.body['job_id']}"
    day.wait(lambda: day.stack.ask(job).body["state"] == "done", "the job ends")
    day.curl(job, f"http://127.0.0.1:8000{job}")
    day.server.without_poster.difference_update(ids)
    day.type("posterity", "retry", "--reason", "no_poster")
    day.type("posterity", "embed", "--wait")


def _set_token(day: Rehearsal, token: str) -> None:
    path = day.stack.home / "run-secrets" / "tmdb_token"
    path.unlink()
    path.write_text(token)


def _grep(day: Rehearsal, name: str, word: str) -> str:
    print(f"$ docker compose logs {name} | grep {word}")
    return "\n".join(line for line in day.stack.log(name).splitlines() if word in line)


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"took {time.monotonic() - began:.0f} s", file=sys.stderr)
