"""The clips that stand for known material, and which of them are versions of one another.

A copy of one chair clip also shows the others of its family: naming any of them is right. All
other pairs are unrelated, and naming one is a false alarm.
"""

import json
from pathlib import Path

from compare_lib.measure import Failure

from .edits import Source

FAMILIES = ("chair-", "pattern-")  # clips whose names begin alike show the same scene
SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".ts", ".avi", ".mpg", ".m4v")


def family(stem):
    """The name that related clips have in common; a clip without relatives is its own."""
    return next((start for start in FAMILIES if stem.startswith(start)), stem)


def related(one, other):
    return family(one) == family(other)


def few(paths, most):
    """Some of the clips, no two of them related."""
    first = {}
    for path in paths:
        first.setdefault(family(path.stem), path)
    return list(first.values())[:most]


def find(folders):
    """All videos straight in the folders, by name; the names are how alerts are judged."""
    found = {}
    for folder in folders:
        if not folder.is_dir():
            raise Failure(f"no folder at {folder} (--clips names one that holds videos)")
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in SUFFIXES:
                continue
            if path.stem in found:
                raise Failure(f"{path} and {found[path.stem]} have the same name; an alert could "
                              "not tell them apart")
            found[path.stem] = path.resolve()
    if not found:
        raise Failure(f"no video in {', '.join(map(str, folders))}")
    return [found[stem] for stem in sorted(found)]


def source(runner, path):
    """The clip with its size and length, as an edit needs them."""
    said = json.loads(runner.output(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json",
         "-show_entries", "stream=width,height:format=duration", path]))
    if not said.get("streams"):
        raise Failure(f"{path} holds no video")
    stream = said["streams"][0]
    return Source.shrunk(Path(path), stream["width"], stream["height"],
                         float(said["format"]["duration"]))
