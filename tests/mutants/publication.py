"""Guards of the index: what is on the disk, what is served, what is answered."""

from tests.mutants.mutant import Mutant

DURABLE, TRUST, SNAPSHOT = (f"tests/index/test_{name}.py" for name in ("durable", "trust", "snapshot"))
LIVE, PUBLISHING, PRUNING = (f"tests/index/test_{name}.py" for name in ("live", "publishing", "pruning"))
FLAT, RECORDS, VECTORS = (f"tests/index/test_{name}.py" for name in ("flat", "records", "vectors"))

PUBLICATION = (
    Mutant(
        "fsync of a file",
        "index/durable.py",
        "            os.fchmod(handle, 0o444)  # overwriting a mapped file would kill its readers\n"
        "            os.fsync(handle)\n",
        "            os.fchmod(handle, 0o444)\n",
        (DURABLE,),
    ),
    Mutant(
        "fsync of a file whose head comes last",
        "index/durable.py",
        "            os.fchmod(self._handle, 0o444)\n            os.fsync(self._handle)\n",
        "            os.fchmod(self._handle, 0o444)\n",
        ("tests/index/test_growing_file.py",),
    ),
    Mutant(
        "fsync of a folder",
        "index/durable.py",
        "    try:\n        os.fsync(handle)\n    finally:\n",
        "    try:\n        pass\n    finally:\n",
        (DURABLE,),
    ),
    Mutant(
        "fsync of a new version's folder",
        "index/publishing.py",
        "    fsync_folder(draft.folder)\n",
        "",
        (f"{PUBLISHING}::test_everything_is_on_the_disk_before_the_name_that_shows_it",),
    ),
    Mutant(
        "the sha256 of files",
        "index/trust.py",
        "return digest_of(path) == stated",
        "return True",
        (TRUST,),
    ),
    Mutant(
        "the sha256 of the manifest",
        "index/live.py",
        "if hashlib.sha256(content).hexdigest() != current.manifest_sha256:",
        "if False:",
        (SNAPSHOT,),
    ),
    Mutant(
        "no links in the place of files",
        "index/trust.py",
        "path.is_symlink() or not path.is_file()",
        "not path.is_file()",
        (SNAPSHOT,),
    ),
    Mutant(
        "a version is verified before it is served",
        "index/publishing.py",
        "verifier.verify(manifest)",
        "{name: 1.0 for name in infos}",
        (f"{PUBLISHING}::test_a_file_that_the_disk_did_not_keep_is_found_by_reading_it_back",),
    ),
    Mutant(
        "one publishes at a time",
        "index/locking.py",
        "            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            pass\n",
        (f"{PUBLISHING}::test_of_two_rebuilds_at_once_one_is_told_to_wait",),
    ),
    Mutant(
        "room on the disk is asked for first",
        "index/publishing.py",
        "            raise NoSpace(root, needed, free_bytes(root))\n        generation",
        "            pass\n        generation",
        (f"{PUBLISHING}::test_too_little_room_is_said_before_anything_is_written",),
    ),
    Mutant(
        "a generation is the next one",
        "index/publishing.py",
        "*generations(root)]) + 1",
        "*generations(root)]) + 2",
        (f"{PUBLISHING}::test_generations_go_up_by_one_over_all_there_are",),
    ),
    Mutant(
        "a generation is never given twice",
        "index/publishing.py",
        "max([0, served_generation(root) or 0, *generations(root)])",
        "max([0, *generations(root)])",
        (f"{PUBLISHING}::test_generations_go_up_by_one_over_all_there_are",),
    ),
    Mutant(
        "what failed leaves nothing behind",
        "index/publishing.py",
        "            _undo(draft)\n",
        "",
        (f"{PUBLISHING}::test_a_caller_that_fails_in_the_middle_leaves_nothing",),
    ),
    Mutant("the served version is kept", "index/pruning.py", " and not v.current", "", (PRUNING,)),
    Mutant("three versions are kept", "index/pruning.py", "KEPT = 3", "KEPT = 2", (PRUNING,)),
    Mutant(
        "degraded is said",
        "index/live.py",
        "        self._degraded = why\n",
        "        self._degraded = None\n",
        (LIVE,),
    ),
    Mutant(
        "a version that had no memory is tried again",
        "index/live.py",
        "time.monotonic() >= self._retry_at",
        "False",
        (LIVE,),
    ),
    Mutant("memory is asked for first", "index/live.py", "if available < needed:", "if False:", (LIVE,)),
    Mutant(
        "at a cold start the newest whole version is served",
        "index/live.py",
        "                self._fall_back()\n",
        "                pass\n",
        (SNAPSHOT,),
    ),
    Mutant(
        "the -1 of FAISS stays inside", "index/flat.py", "rows = found[0][found[0] >= 0]", "rows = found[0]", (FLAT,)
    ),
    Mutant(
        "k is clamped in the index",
        "index/flat.py",
        "k = min(max(question.k, 1), MAX_K)",
        "k = question.k",
        (FLAT,),
    ),
    Mutant(
        "a movie is not its own neighbour",
        "index/flat.py",
        "rows = rows[~np.isin(rows, question.left_out)]",
        "rows = rows[:]",
        (FLAT,),
    ),
    Mutant(
        "a vector of zeros is refused",
        "index/records.py",
        "    checked(halves.astype(np.float32))  # what is stored must pass the gate of the index as well\n",
        "",
        (RECORDS,),
    ),
    Mutant(
        "a record's checksum is compared",
        "index/records.py",
        "if zlib.crc32(body) != CRC.unpack_from(record, len(body))[0]:",
        "if False:",
        (RECORDS,),
    ),
    Mutant(
        "the checksums of a block of records are compared",
        "index/record_blocks.py",
        "if zlib.crc32(memoryview(record)[:body]) != CRC.unpack_from(record, body)[0]:",
        "if False:",
        ("tests/index/test_record_blocks.py",),
    ),
    Mutant(
        "a poster that was embedded again is read again",
        "workers/poster_space.py",
        "    kept[noted != embedded_at] = -1\n",
        "",
        ("tests/workers/test_poster_space.py",),
    ),
)
