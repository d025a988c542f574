"""Makes the edited copies, once: WORK/edits/<clip>/<edit>.<suffix>.

Beside each lies a note of what it was made of (the clip's content and ffmpeg's arguments), so that
a changed edit is made again. A file without a note was put there by someone: it is used, and the
report says how many such files there were.
"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from compare_lib.measure import say

from . import clips
from .edits import EDITS
from .pool import run_all


@dataclass(frozen=True)
class Copy:
    clip: str
    edit: str
    path: Path


@dataclass
class Copies:
    made: list = field(default_factory=list)  # all that can be scanned
    missing: dict = field(default_factory=dict)  # (clip, edit): why
    given: int = 0  # were there, not made by this suite


def make(runner, folder, paths, names, jobs):
    """The copies of all clips by all named edits."""
    result, wanted, commands = Copies(), {}, []
    for path in paths:
        source, content = clips.source(runner, path), hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / path.stem).mkdir(parents=True, exist_ok=True)
        for edit in map(EDITS.__getitem__, names):
            arguments = [str(part) for part in edit.arguments(source)]
            copy = Copy(path.stem, edit.name, folder / path.stem / f"{edit.name}.{edit.suffix}")
            state = _state(copy.path, recipe(arguments, path, content))
            result.given += state == "given"
            if state == "stale":
                wanted[copy] = recipe(arguments, path, content)
                commands.append((copy, ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments,
                                        _partial(copy.path)]))
            else:
                result.made.append(copy)
    _run(runner, commands, wanted, jobs, result)
    result.made.sort(key=lambda copy: (copy.clip, copy.edit))
    return result


def recipe(arguments, path, content):
    """What a copy depends on; where the clip lies is not part of it."""
    text = "\0".join("CLIP" if part == str(path) else part for part in arguments)
    return hashlib.sha256(f"{content}\0{text}".encode()).hexdigest()


def _note(path):
    return path.with_name(f".{path.name}.recipe")


def _partial(path):
    return path.with_name(f".partial-{path.name}")


def _state(path, wanted):
    if not path.exists():
        return "stale"
    note = _note(path)
    if not note.exists():
        return "given"
    return "fresh" if note.read_text() == wanted else "stale"


def _run(runner, commands, wanted, jobs, result):
    if commands:
        say(f"making {len(commands)} edited copies; the first time takes many minutes")

    def done(copy, failure):
        partial = _partial(copy.path)
        if failure:
            partial.unlink(missing_ok=True)
            result.missing[copy.clip, copy.edit] = str(failure)
            say(f"  not made: {copy.clip} {copy.edit}: {failure}")
            return
        _note(copy.path).unlink(missing_ok=True)
        os.replace(partial, copy.path)
        _note(copy.path).write_text(wanted[copy])
        result.made.append(copy)
        if len(result.made) % 50 == 0:
            say(f"  {len(result.made)} copies")

    run_all(runner, commands, jobs, done)
