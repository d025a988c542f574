"""The peers: where they come from, in which versions, and how their workers are talked to.

Each has a virtual environment of its own, because pdqhash needs numpy 1 and faiss needs a newer
one. An environment is made once in the cache folder and is complete when its stamp is there.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .measure import Failure, say

WORKERS = Path(__file__).resolve().parents[1] / "workers"


@dataclass(frozen=True)
class Peer:
    name: str
    module: str
    groups: tuple  # rows that need it
    requirements: tuple
    hint: str = ""


PDQHASH = Peer("pdqhash", "pdqhash", ("pdq",), ("pdqhash==0.2.8", "numpy==1.26.4"))
FAISS = Peer("faiss-cpu", "faiss", ("match-1M", "match-10M"),
             ("faiss-cpu==1.15.1", "numpy==2.4.6"))
VPDQ = Peer(
    "vpdq", "vpdq", ("all", "second"), ("vpdq==0.2.5",),
    "vpdq is built from source (PyPI has no wheel of it; pip fetches CMake itself): "
    "apt-get install g++ pkg-config libavdevice-dev libavfilter-dev libavformat-dev "
    "libavcodec-dev libswresample-dev libswscale-dev libavutil-dev")
PEERS = (PDQHASH, VPDQ, FAISS)


class Peers:
    """Installs on first use and remembers why one could not be installed."""

    def __init__(self, runner, cache):
        self.runner, self.cache, self.failures = runner, cache, {}

    def python(self, peer):
        """The interpreter that can import the peer."""
        if peer in self.failures:
            raise Failure(self.failures[peer])
        tag = f"py{sys.version_info[0]}.{sys.version_info[1]}"
        folder = self.cache / "venv" / "-".join((tag, *peer.requirements)).replace("==", "-")
        interpreter = folder / "bin" / "python"
        if not (folder / "complete").exists():
            try:
                self._install(peer, folder, interpreter)
            except Failure as failure:
                self.failures[peer] = str(failure)
                raise
        return interpreter

    def _install(self, peer, folder, interpreter):
        say(f"installing {' '.join(peer.requirements)} from PyPI")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.runner.run([sys.executable, "-m", "venv", folder])
        except Failure as failure:
            raise Failure(f"no virtual environment ({failure}); Debian has it in the package "
                          "python3-venv") from failure
        log = self.runner.path(f"pip-{peer.name}.txt")
        try:
            self.runner.run([interpreter, "-m", "pip", "install", "--no-input",
                             "--disable-pip-version-check", *peer.requirements], stdout=log)
            self.runner.run([interpreter, "-c", f"import {peer.module}"])
        except Failure as failure:
            hint = f". {peer.hint}" if peer.hint else ""
            raise Failure(f"{peer.name} cannot be installed: {_reason(failure)}{hint}") from failure
        (folder / "complete").touch()

    def versions(self, peer):
        """What is installed, as text for the report."""
        code = ("import importlib.metadata as m, json, sys;"
                "print(json.dumps([[n, m.version(n)] for n in sys.argv[1:]]))")
        names = [requirement.split("==")[0] for requirement in peer.requirements]
        found = json.loads(self.runner.output([self.python(peer), "-c", code, *names]))
        return " with ".join(" ".join(pair) for pair in found)

    def once(self, peer, worker, *arguments, cores=None):
        """Runs a worker that prints one JSON object; returns it and what the process cost."""
        target = self.runner.path(f"{worker}.json")
        command = [self.python(peer), WORKERS / f"{worker}.py", *arguments]
        sample = self.runner.run(command, cores=cores, stdout=target)
        return json.loads(target.read_text()), sample


def _reason(failure):
    """pip says much; the lines that name the cause are few."""
    text = str(failure)
    start = text.find("ERROR:")
    return text[start:] if start >= 0 else text


class Conversation:
    """A worker that stays: one JSON object a line, in and out.

    It holds what is dear to build (an index), so that measures of others can come in between.
    """

    def __init__(self, peers, peer, worker, *arguments, cores=None):
        command = [peers.python(peer), WORKERS / f"{worker}.py", *arguments]
        self.child = peers.runner.start(
            command, turns=4, cores=cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.process.stdin.close()
        self.child.process.stdout.close()

    def hear(self):
        text = self.child.process.stdout.readline()
        if not text:
            self.child.finish()
            raise Failure(f"the worker ended early: {self.child.said()}")
        return json.loads(text)

    def ask(self, **question):
        try:
            self.child.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.child.process.stdin.flush()
        except BrokenPipeError:
            pass  # hear() says why
        return self.hear()
