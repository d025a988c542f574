"""Runs children and measures them: wall time, CPU and peak memory from their own rusage (wait4).

Every child is in a process group of its own, has a time limit, writes to files, and is killed and
reaped whatever happens here, SIGINT and SIGTERM included. Two things are compared pairwise:
A B A B, because clock, caches and the other load on a machine drift.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass


class Failure(Exception):
    """Something that could not be run, with a reason for the user."""


@dataclass
class Sample:
    wall_s: float
    user_s: float
    cpu_s: float  # user and system
    peak_mib: float


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- interruption ---------------------------------------------------------------------------

_held = 0
_pending = None


def _interrupted(number, _frame):
    global _pending
    if _held:
        _pending = number
    else:
        raise SystemExit(128 + number)


def handle_signals():
    """SIGINT and SIGTERM become SystemExit, so that children and temporary folders go."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)


@contextmanager
def signals_held():
    """A child that was started but is not yet known here could not be killed: wait with it."""
    global _held, _pending
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    if _pending and not _held:
        number, _pending = _pending, None
        raise SystemExit(128 + number)


# --- cores ----------------------------------------------------------------------------------

CORES = sorted(os.sched_getaffinity(0))
ONE_CORE = CORES[:1]
TWO_CORES = CORES[:2]


def need_two_cores():
    if len(TWO_CORES) < 2:
        raise Failure("needs two cores; one may be used here")


@contextmanager
def _affinity(cores):
    """A child inherits the cores; no other program is needed for it."""
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, CORES)


# --- children -------------------------------------------------------------------------------


class Child:
    """A running program. `finish` or `kill` must be called; `with` does so."""

    def __init__(self, command, log, limit_s, cores=None, stdin=None, stdout=None):
        self.command = [str(part) for part in command]
        self.log, self.limit_s, self.timed_out = log, limit_s, False
        # Held until the timer runs: from there on nothing is lost.
        with signals_held(), open(log, "wb") as errors, _affinity(cores):
            self.started = time.perf_counter()
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=stdin or subprocess.DEVNULL,
                    stdout=stdout or subprocess.DEVNULL, stderr=errors, start_new_session=True)
            except OSError as error:
                raise Failure(f"cannot run {self.command[0]}: {error.strerror}") from error
            _live.add(self)
            self.timer = threading.Timer(limit_s, self._time_out)
            self.timer.daemon = True
            self.timer.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _time_out(self):
        self.timed_out = True
        self._signal()

    def _signal(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def finish(self, good_exits=(0,)):
        """Waits for the end and returns what it cost."""
        _, status, usage = os.wait4(self.process.pid, 0)
        wall = time.perf_counter() - self.started
        self._reaped(os.waitstatus_to_exitcode(status))
        if self.timed_out:
            raise Failure(f"{self.name} was still running after {self.limit_s:g} s")
        if self.process.returncode not in good_exits:
            raise Failure(f"{self.name} exited {self.process.returncode}: {self.said()}")
        cpu = usage.ru_utime + usage.ru_stime
        return Sample(wall, usage.ru_utime, cpu, usage.ru_maxrss / 1024)

    def kill(self):
        if self.process.returncode is None:
            self._signal()
            self.process.wait()
            self._reaped(self.process.returncode)

    def _reaped(self, code):
        self.process.returncode = code
        self.timer.cancel()
        _live.discard(self)

    @property
    def name(self):
        return os.path.basename(self.command[0])

    def said(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-3:])[-300:] if lines else "it said nothing"


_live = set()


def kill_all():
    for child in list(_live):
        child.kill()


class Runner:
    """Where children write, and how long one may run."""

    def __init__(self, folder, limit_s):
        self.folder, self.limit_s, self.count = folder, limit_s, 0

    def path(self, suffix):
        """A new name in the temporary folder."""
        self.count += 1
        return self.folder / f"{self.count:05}-{suffix}"

    def start(self, command, turns=1, **how):
        """`turns`: how many times the limit of one command it may take."""
        return Child(command, self.path("stderr.log"), turns * self.limit_s, **how)

    def run(self, command, good_exits=(0,), cores=None, stdin=None, stdout=None):
        """Runs one command; `stdin` and `stdout` are files to read from and to write."""
        with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as sink:
            with self.start(command, cores=cores, stdin=source, stdout=sink) as child:
                return child.finish(good_exits)

    def together(self, commands, cores=None):
        """Wall time of several commands that run at the same time."""
        started = time.perf_counter()
        children = []
        try:
            for command in commands:
                children.append(self.start(command, cores=cores))
            for child in children:
                child.finish()
        finally:
            for child in children:
                child.kill()
        return time.perf_counter() - started

    def output(self, command):
        """The text that a short command prints."""
        target = self.path("stdout.txt")
        self.run(command, stdout=target)
        return target.read_text(errors="replace")


def interleave(name, pairs, measures, warm=True):
    """Runs the measures in turn, `pairs` times; one list of results for each measure.

    A first turn that does not count warms caches, unless the caller has done so.
    """
    turns = []
    for turn in range(pairs + warm):
        say(f"{name}: " + (f"turn {turn + 1 - warm} of {pairs}" if turn >= warm else "warming up"))
        turns.append([measure() for measure in measures])
    return [list(results) for results in zip(*turns[warm:])]
