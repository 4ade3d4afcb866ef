"""Guards of the work protocol: claims, leases, tokens, attempts, the sweeper."""

from tests.mutants.mutant import Mutant

WORK, JOBS, SWEEPER = "tests/catalog/test_work.py", "tests/catalog/test_jobs.py", "tests/workers/test_sweeper.py"
FETCH, EMBEDDER, RUNTIME = (
    "tests/workers/test_fetch.py",
    "tests/workers/test_embedder.py",
    "tests/workers/test_runtime.py",
)
CLAIMING, ROWS = "catalog/claiming.py", "catalog/work.py"

PROTOCOL = (
    Mutant(
        "the fencing token of poster work",
        CLAIMING,
        "poster_work.c.movie_id.in_(movie_ids), poster_work.c.token == claim.token)",
        "poster_work.c.movie_id.in_(movie_ids))",
        (WORK,),
    ),
    Mutant(
        "the fencing token of jobs",
        "catalog/jobs.py",
        "and_(jobs.c.job_id == job.job_id, jobs.c.token == job.token)",
        "and_(jobs.c.job_id == job.job_id)",
        (JOBS,),
    ),
    Mutant("the token is cleared", CLAIMING, '{"lease_until": None, "token": None}', '{"lease_until": None}', (WORK,)),
    Mutant(
        "the attempt cap of a claim",
        CLAIMING,
        "poster_work.c.attempt < MAX_ATTEMPTS, in_company()",
        "poster_work.c.attempt < 9 * MAX_ATTEMPTS, in_company()",
        (WORK,),
    ),
    Mutant(
        "the attempt cap of a job",
        "catalog/jobs.py",
        "jobs.c.attempt < MAX_ATTEMPTS, free)",
        "free)",
        (JOBS,),
    ),
    Mutant("three attempts", "catalog/entries.py", "MAX_ATTEMPTS = 3", "MAX_ATTEMPTS = 4", (WORK,)),
    Mutant(
        "the attempt is counted before the work",
        CLAIMING,
        "poster_work.c.attempt + case((in_company(), 0), else_=1)",
        "poster_work.c.attempt",
        (WORK,),
    ),
    Mutant(
        "an attempt lost in company is given back",
        CLAIMING,
        "case((in_company(), 0), else_=1)",
        "1",
        (WORK, EMBEDDER, FETCH),
    ),
    Mutant(
        "a row that is alone dies of its attempts",
        CLAIMING,
        "return func.coalesce(poster_work.c.token.startswith(SHARED), False)",
        "return poster_work.c.token.is_not(None)",
        (WORK,),
    ),
    Mutant(
        "a row under lease is nobody else's",
        CLAIMING,
        "free = or_(poster_work.c.lease_until.is_(None), poster_work.c.lease_until < now)",
        "free = or_(poster_work.c.lease_until.is_(None), poster_work.c.lease_until > 0)",
        (WORK,),
    ),
    Mutant(
        "a job under lease is nobody else's",
        "catalog/jobs.py",
        "free = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now)",
        "free = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until > 0)",
        (JOBS,),
    ),
    Mutant(
        "a lost row is claimed alone",
        ROWS,
        "and_(due(kind, now), suspect()), 1, now",
        "and_(due(kind, now), suspect()), limit, now",
        (WORK,),
    ),
    Mutant(
        "a lost row has no company", ROWS, "and_(due(kind, now), not_(suspect()))", "due(kind, now)", (EMBEDDER, FETCH)
    ),
    Mutant("a lost row does not join others", ROWS, "if not in_company:", "if True:", (EMBEDDER, FETCH)),
    Mutant(
        "a loss is counted",
        CLAIMING,
        "poster_work.c.lost + case((poster_work.c.lease_until.is_not(None), 1), else_=0)",
        "poster_work.c.lost",
        (WORK,),
    ),
    Mutant(
        "rows of dead workers are ended",
        ROWS,
        "return connection.execute(update(poster_work).where(exhausted(now)).values(values)).rowcount",
        "return 0",
        (WORK,),
    ),
    Mutant(
        "the sweeper rings", "workers/sweeper.py", "            self._ring(kind)\n", "            pass\n", (SWEEPER,)
    ),
    Mutant(
        "the sweeper runs",
        "workers/sweeper.py",
        "        for thread in self._threads:\n            thread.start()\n",
        "        for thread in self._threads[:0]:\n            thread.start()\n",
        (SWEEPER, "tests/workers/test_sweeping_goes_on.py"),
    ),
    Mutant(
        "no more bells than hands",
        "workers/sweeper.py",
        "range(self._hands(kind) - waiting)",
        "range(self._hands(kind))",
        (SWEEPER,),
    ),
    Mutant(
        "a pause that grows",
        ROWS,
        "min(2**row.attempt * BACKOFF_S, MAX_BACKOFF_S)",
        "0.0",
        (WORK,),
    ),
    Mutant(
        "trouble ends after the last attempt",
        ROWS,
        "pause_s, row.attempt >= MAX_ATTEMPTS)",
        "pause_s, False)",
        (WORK,),
    ),
    Mutant(
        "what is given back has its attempt back",
        ROWS,
        'advance(connection, claim, movie_ids, {**RELEASED, "attempt": poster_work.c.attempt - 1})',
        "advance(connection, claim, movie_ids, RELEASED)",
        (WORK,),
    ),
    Mutant(
        "vector and state in one transaction",
        ROWS,
        "            ours = advance(connection, claim, [vector.movie_id for vector in vectors], values)\n",
        "            ours = advance(connection, claim, [vector.movie_id for vector in vectors], values)\n"
        "        with self._database.write() as connection:\n",
        (WORK,),
    ),
)
