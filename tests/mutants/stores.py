"""Guards of what the work protocol stands on: poster files, the two databases, the broker and its workers."""

from tests.mutants.mutant import Mutant

DATABASE, AT_ONCE, POSTGRES = (f"tests/catalog/test_{name}.py" for name in ("database", "at_once", "postgres"))
WAITS = "tests/faults/test_database_waits.py"
CELERY, BELL = "tests/workers/test_settings_of_celery.py", "tests/workers/test_bell.py"

STORES = (
    Mutant(
        "a poster is on the disk before its row says so",
        "catalog/content.py",
        "                rest = rest[os.write(handle, rest) :]  # a write may take less than it was given\n"
        "            os.fsync(handle)\n",
        "                rest = rest[os.write(handle, rest) :]\n",
        ("tests/catalog/test_content_durable.py",),
    ),
    Mutant(
        "a poster is written whole or not at all",
        "catalog/content.py",
        '    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")\n',
        "    temporary = path\n",
        (DATABASE, "tests/faults/test_power_cut_catalog.py"),
    ),
    Mutant(
        "a damaged poster is noticed",
        "catalog/content.py",
        "return content if hashlib.sha256(content).hexdigest() == sha256 else None",
        "return content",
        (DATABASE,),
    ),
    Mutant(
        "the gate against SQLite's WAL bug",
        "catalog/database.py",
        'return "WAL" if fixed else "DELETE"',
        'return "WAL"',
        (DATABASE,),
    ),
    Mutant(
        "SQLite syncs each commit",
        "catalog/database.py",
        'return "EXTRA" if mode == "DELETE" else "FULL"',
        'return "NORMAL"',
        (DATABASE,),
    ),
    Mutant(
        "a writer of SQLite locks at its beginning",
        "catalog/turns.py",
        'raw.execute("BEGIN IMMEDIATE")',
        'raw.execute("BEGIN")',
        (AT_ONCE,),
    ),
    Mutant(
        "a writer of SQLite asks again for its turn",
        "catalog/turns.py",
        "last=time.monotonic() >= end",
        "last=True",
        (AT_ONCE,),
    ),
    Mutant(
        "a row that another is claiming is skipped",
        "catalog/claiming.py",
        "chosen.with_for_update(skip_locked=True)",
        "chosen.with_for_update()",
        (POSTGRES,),
    ),
    Mutant(
        "PostgreSQL waits for no lock for ever",
        "catalog/database.py",
        """cursor.execute(f"SET {name} = '{seconds}s'")""",
        "pass",
        (WAITS,),
    ),
    Mutant(
        "a broker out of reach is no error",
        "workers/enqueue.py",
        "except (OperationalError, OSError) as err:",
        "except ZeroDivisionError as err:",
        (BELL,),
    ),
    Mutant(
        "the bell does not wait for a frozen broker",
        "workers/app.py",
        '"socket_timeout": RING_TIMEOUT_S,',
        '"socket_timeout": 30,',
        (BELL,),
    ),
    Mutant(
        "each child has its own connections",
        "workers/runtime.py",
        "    if os.getpid() not in _runtimes:\n",
        "    if not _runtimes:\n",
        ("tests/workers/test_fork.py",),
    ),
    Mutant(
        "tasks are acknowledged at their end",
        "workers/app.py",
        '"task_acks_late": True',
        '"task_acks_late": False',
        (CELERY,),
    ),
    Mutant(
        "pickle is refused",
        "workers/app.py",
        '"accept_content": ["json"],\n        "result_accept',
        '"accept_content": ["json", "pickle"],\n        "result_accept',
        (CELERY,),
    ),
    Mutant(
        "a connection that PostgreSQL ended is a busy database",
        "catalog/database.py",
        "if not (isinstance(err, OperationalError) or err.connection_invalidated):",
        "if not isinstance(err, OperationalError):",
        (WAITS,),
    ),
    Mutant(
        "a full Redis ends no worker",
        "workers/app.py",
        '"broker_channel_error_retry": True',
        '"broker_channel_error_retry": False',
        (CELERY,),
    ),
    Mutant(
        "after a failure the bell keeps silent",
        "workers/enqueue.py",
        " or time.monotonic() < self._silent_until:",
        ":",
        (BELL,),
    ),
    Mutant(
        "a sweep that fails is not the last",
        "workers/sweeper.py",
        "            except Exception:  #",
        "            except ZeroDivisionError if False else MemoryError:  #",
        ("tests/workers/test_sweeping_goes_on.py",),
    ),
    Mutant(
        "an acknowledgement is told again",
        "workers/acknowledging.py",
        "        message.ack()\n",
        "        pass\n",
        ("tests/workers/test_acknowledging.py",),
    ),
)
