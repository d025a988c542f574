"""The program under test: its commands, and the known sets that it is given."""

import base64
import hashlib
import json
import os
import random
import sys

from .measure import Failure, say
from .peers import WORKERS

FOUND_OR_NOT = (0, 1)
RANDOM_HASHES = 1000

# `vigil bench --only pdq --format jsonl` prints objects; these are the names that are read here.
BENCH = ("bench", "--only", "pdq", "--format", "jsonl")
BENCH_IS = {"type": "pdq", "resolution": "1920x1080"}
BENCH_MEDIAN_MS = "median_ms"

# What differs between two scans of the same files by its nature.
RUN_FIELDS = ("alert_id", "recorded", "wall_s", "stages")


class Vigil:
    def __init__(self, program, runner, cache):
        self.program, self.runner, self.cache = program, runner, cache
        self.sets = cache / "known"
        self.sets.mkdir(parents=True, exist_ok=True)
        if not os.access(program, os.X_OK):
            raise Failure(f"no program at {program} (swift build -c release, or --vigil PATH)")
        self.stamp = hashlib.sha256(program.read_bytes()).hexdigest()[:16]
        self.key = self._key()

    def _key(self):
        key = self.sets / "key"
        if not key.exists():
            descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
        return key

    # --- known sets: made anew when the program changed -------------------------------------

    def random_set(self, media=None):
        """Hashes that nothing matches, and with `media` those of a video that something does."""
        hashes = self.sets / "random.txt"
        if not hashes.exists():
            draw = random.Random("known")
            hashes.write_text("".join(f"{draw.getrandbits(256):064x}\n"
                                      for _ in range(RANDOM_HASHES)))
        if media is None:
            return self._build("random", hashes, "--from", hashes)
        return self._build(f"random-and-{media.stem}", media, "--from", hashes, "--media", media)

    def hash_list(self, count, queries):
        """The folder with a list of hashes and the queries to it."""
        folder = self.sets / f"list-{count}-{queries}"
        if not (folder / "complete").exists():
            say(f"making {count:,} hashes and {queries:,} queries")
            self.runner.run([sys.executable, WORKERS / "hashes.py", "make", folder, count, queries])
            (folder / "complete").touch()
        return folder

    def list_set(self, folder):
        return self._build(folder.name, folder / "list.txt", "--from", folder / "list.txt")

    def _build(self, name, source, *arguments):
        target = self.sets / f"{name}.vigil"
        stamp = self.sets / f"{name}.made-with"
        made_with = f"{self.stamp} {source.stat().st_mtime_ns}"
        if target.exists() and stamp.exists() and stamp.read_text() == made_with:
            return target
        say(f"building the known set {name}")
        stamp.unlink(missing_ok=True)
        self.runner.run([self.program, "known", "build", target, "--name", name, "--key-file",
                         self.key, "--replace", *arguments])
        stamp.write_text(made_with)
        return target

    # --- commands -------------------------------------------------------------------------

    def scan(self, path, known, *arguments, cores=None, lines=False):
        """What a scan costs. A fresh state each time: it never finds what an earlier one stored."""
        target = self.runner.path("scan.jsonl")
        sample = self.runner.run(
            [self.program, "scan", path, "--known", known, "--key-file", self.key,
             "--state", self.runner.path("state"), "--format", "jsonl", "--no-progress",
             *arguments], FOUND_OR_NOT, cores=cores, stdout=target)
        found = comparable(target)
        if not found:
            raise Failure("the scan printed nothing")
        target.unlink()
        return (sample, found) if lines else sample

    def match(self, known, queries, cores, answers=None):
        return self.runner.run(
            [self.program, "match", "--known", known, "--key-file", self.key, "--radius", 31,
             "--format", "jsonl"], FOUND_OR_NOT, cores=cores, stdin=queries, stdout=answers)

    def bench_pdq_ms(self, cores):
        target = self.runner.path("bench.jsonl")
        try:
            self.runner.run([self.program, *BENCH], cores=cores, stdout=target)
        except Failure as failure:
            raise Failure(f"vigil {' '.join(BENCH)}: {failure}") from failure
        for text in target.read_text().splitlines():
            found = json.loads(text)
            if all(found.get(name) == value for name, value in BENCH_IS.items()):
                return found[BENCH_MEDIAN_MS]
        raise Failure(f"vigil {' '.join(BENCH)} printed no object with {BENCH_IS}")


def comparable(path):
    """The lines of a scan, without what differs from run to run, in an order of their own."""
    found = [json.loads(text) for text in path.read_text().splitlines()]
    for item in found:
        for name in RUN_FIELDS:
            item.pop(name, None)
    return sorted(json.dumps(item, sort_keys=True) for item in found)
