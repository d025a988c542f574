"""The rows about looking hashes up in large known sets.

Vigil is measured through its command: CPU time of `vigil match` with many queries, less that with
few, by the number of queries more; reading the queries and printing the answers are in it. FAISS
is measured inside a process that holds both indexes, searching only, and its best way counts.
Both are pinned to the same core, and CPU time is taken, so that other load adds little.
"""

import itertools
import json
import sys
from contextlib import contextmanager

from .measure import ONE_CORE, TWO_CORES, Failure, interleave, say
from .peers import FAISS, WORKERS, Conversation
from .report import Bar, Row

FEW, FIRST_GUESS, QUERIES = 100, 20_000, 1_000_000
ENOUGH_S = 4  # the queries should cost this much CPU, and as much as starting; or all are asked
FLAT_QUERIES = 1000
FAISS_SECONDS = 1.5


def match_rows(count, name, faster):
    return [
        Row(f"match-{name}", f"`vigil match`, {name} hashes, radius 31: CPU a query on 1 core, "
            "against the best of FAISS flat and multi-hash", Bar(at_least=faster)),
        Row(f"match-{name}", f"{name}: planted queries found", Bar(must="100 %")),
        Row(f"match-{name}", f"{name}: all answers the same as FAISS flat gives", Bar(must="yes")),
        Row(f"match-{name}", f"{name}: start of `vigil match` (load and index), "
            f"{len(TWO_CORES)} cores, wall; FAISS: adding alone, 1 core, CPU",
            Bar(at_most=20, unit="s") if count >= 10_000_000 else Bar()),
        Row(f"match-{name}", f"{name}: peak memory a hash", Bar(at_most=128, unit="bytes")
            if count >= 10_000_000 else Bar()),
    ]


def measure_match(bench, rows, count):
    folder = bench.vigil.hash_list(count, QUERIES)
    known = bench.vigil.list_set(folder)
    speed, recall, same, start, memory = rows
    lookup = Lookup(bench, folder, known, rows[0].group)
    try:
        lookup.size()
        with lookup.faiss() as faiss:
            lookup.ask_flat(faiss)
            vigil, theirs = interleave(lookup.name, bench.pairs,
                                       [lookup.query_us, lambda: lookup.faiss_us(faiss)], False)
            best = min(theirs, key=lambda turn: turn[0])
            speed.compare(vigil, [us for us, _ in theirs], "µs", faster=True,
                          note=f" FAISS {best[1]}")
            built = "; ".join(f"{way} {seconds:.1f} s" for way, seconds in faiss.built.items())
    except Failure as failure:
        for row in (speed, same):
            row.cannot(failure)
        built = ""
        lookup.query_us()
    lookup.report_answers(recall, same)
    started = lookup.starts(bench.few_pairs)
    start.value([sample.wall_s for sample in started], "s", peer=built)
    memory.value([max(sample.peak_mib for sample in started) * 2**20 / count], "bytes")


class Lookup:
    """`vigil match` with more and with fewer queries, and what FAISS says to the same."""

    def __init__(self, bench, folder, known, name):
        self.bench, self.folder, self.known, self.name = bench, folder, known, name
        self.answers = bench.runner.path("answers.jsonl")
        self.flat = None
        self.many, self.few = FIRST_GUESS, self._first(FEW)

    def _first(self, queries):
        target = self.bench.runner.path("queries.txt")
        with open(self.folder / "queries.txt") as lines, open(target, "w") as file:
            file.writelines(itertools.islice(lines, queries))
        return target

    def _match(self, queries, cores, answers=None):
        return self.bench.vigil.match(self.known, queries, cores, answers)

    def size(self):
        """Asks as many queries as stand out from the time that starting takes."""
        guess = self._first(FIRST_GUESS)
        few = self._match(self.few, ONE_CORE).cpu_s
        cost = max(self._match(guess, ONE_CORE).cpu_s - few, 0.001) / FIRST_GUESS
        self.many = int(min(max(max(ENOUGH_S, few) / cost, FIRST_GUESS), QUERIES))
        say(f"{self.name}: about {cost * 1e6:.1f} µs a query; asking {self.many:,}")
        self.queries = self._first(self.many)

    def query_us(self):
        few = self._match(self.few, ONE_CORE)
        many = self._match(self.queries, ONE_CORE, self.answers)
        return (many.cpu_s - few.cpu_s) / (self.many - FEW) * 1e6

    def starts(self, runs):
        return interleave(f"{self.name}, start", runs,
                          [lambda: self._match(self.few, TWO_CORES)])[0]

    # --- FAISS ----------------------------------------------------------------------------

    @contextmanager
    def faiss(self):
        self.bench.peers.python(FAISS)
        say(f"{self.name}: FAISS builds its indexes")
        with Conversation(self.bench.peers, FAISS, "faiss_search", self.folder / "list.bin",
                          self.folder / "queries.bin", cores=ONE_CORE) as faiss:
            faiss.built = faiss.hear()["build_s"]
            yield faiss

    def faiss_us(self, faiss):
        """The best of its ways, and which it was."""
        ways = faiss.ask(do="time", seconds=FAISS_SECONDS)
        best = min(ways, key=ways.get)
        return ways[best] * 1e6, best

    def ask_flat(self, faiss):
        flat = self.bench.runner.path("flat.txt")
        faiss.ask(do="answers", queries=FLAT_QUERIES, to=str(flat))
        self.flat = flat

    # --- answers --------------------------------------------------------------------------

    def report_answers(self, recall, same):
        extra = [self.flat, FLAT_QUERIES] if self.flat else []
        target = self.bench.runner.path("check.json")
        self.bench.runner.run([sys.executable, WORKERS / "hashes.py", "check", self.folder,
                               self.many, self.answers, *extra], stdout=target)
        found = json.loads(target.read_text())
        recall.truth(found["found"] == found["planted"],
                     f"{100 * found['found'] / found['planted']:.6g} %",
                     f"{found['planted']:,} planted in {self.many:,} queries")
        if self.flat:
            same.truth(found["different"] == 0,
                       "yes" if not found["different"] else f"{found['different']} differ",
                       f"{found['flat_answers']} answers to {FLAT_QUERIES:,} queries")
