"""The program under test: known sets with variants, and scans of many inputs by one process.

A build that lacks an effort or a kind of variants refuses it as wrong usage (code 64). That is
`NotAvailable`: no result at all, neither a miss nor a pass.
"""

import hashlib
import json

from compare_lib.measure import Failure, say
from compare_lib.vigil import Vigil

FOUND, NOTHING, INCOMPLETE, USAGE = 1, 0, 2, 64
AT_A_TIME = 2000  # inputs on one command line


class NotAvailable(Exception):
    """This build does not know the option."""


class Program:
    def __init__(self, path, runner, work):
        self.runner, self.sets = runner, work / "known"
        vigil = Vigil(path, runner, work)
        self.path, self.key, self.stamp = vigil.program, vigil.key, vigil.stamp

    # --- known sets ---------------------------------------------------------------------------

    def known(self, name, media=(), lists=(), variants="none"):
        """Builds a set, unless this program has built it from the same files before."""
        target = self.sets / f"{name}-{variants}.vigil"
        note = target.with_suffix(".made-with")
        made_with = self._made_with(variants, [*media, *lists])
        if target.exists() and note.exists() and note.read_text() == made_with:
            return target
        say(f"building the known set {name}, variants {variants}")
        note.unlink(missing_ok=True)
        arguments = ["--name", "robustness", "--key-file", self.key, "--replace"]
        arguments += ["--variants", variants] if variants != "none" else []
        arguments += ["--media", *media] if media else []
        arguments += ["--from", *lists] if lists else []
        sample = self._run(["known", "build", target, *arguments], (NOTHING,))
        note.write_text(made_with)
        say(f"  {sample.wall_s:.0f} s")
        return target

    def _made_with(self, variants, files):
        parts = [self.stamp, variants]
        for path in files:
            status = path.stat()
            parts.append(f"{path} {status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    # --- scans --------------------------------------------------------------------------------

    def scan(self, inputs, known, effort, *more):
        """All lines of a scan of the inputs, each a dictionary, and the CPU seconds it took."""
        lines, seconds = [], 0
        inputs = [str(path) for path in inputs]
        for start in range(0, len(inputs), AT_A_TIME):
            target = self.runner.path("scan.jsonl")
            sample = self._run(
                ["scan", *inputs[start:start + AT_A_TIME], "--known", known, "--key-file", self.key,
                 "--state", self.runner.path("state"), "--format", "jsonl", "--no-progress",
                 "--effort", effort, *more], (NOTHING, FOUND, INCOMPLETE), target)
            part = [json.loads(text) for text in target.read_text().splitlines()]
            if not part or part[-1]["type"] != "summary":
                raise Failure("the scan printed no summary: it did not come to its end")
            lines += part
            seconds += sample.cpu_s
            target.unlink()
        return lines, seconds

    def scan_user_s(self, path, known, effort, cores=None):
        """User CPU of one scan that finds nothing."""
        sample = self._run(
            ["scan", path, "--known", known, "--key-file", self.key, "--state",
             self.runner.path("state"), "--format", "jsonl", "--no-progress", "--effort", effort],
            (NOTHING,), cores=cores)
        return sample.user_s

    def _run(self, arguments, good_exits, stdout=None, cores=None):
        with open(stdout or "/dev/null", "wb") as sink:
            command = [self.path, *arguments]
            with self.runner.start(command, stdout=sink, cores=cores) as child:
                sample = child.finish((*good_exits, USAGE))
                if child.process.returncode == USAGE:
                    raise NotAvailable(_first_line(child.log.read_text(errors="replace")))
                return sample


def _first_line(said):
    """An argument parser says what was wrong, then how to do it right."""
    return (said.strip().splitlines() or ["refused as wrong usage"])[0].removeprefix("Error: ")
