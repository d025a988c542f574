"""The peer: the reference vPDQ from PyPI, on the same copies.

*Any frame* counts a copy of which at least one frame is near one of a clip of its family: the
most that vPDQ could find at this distance. *By rule*: 80 % of the copy's frames are, as vPDQ asks
of the query by default (it asks as much of the known video too; that is left out in its favour).
Hashes are kept in the work folder.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from compare_lib.measure import Failure, say
from compare_lib.peers import VPDQ

from . import clips

DISTANCE, QUALITY, RULE = 31, 50, .80
KNOWN_EVERY_S, COPY_EVERY_S = 0, 0.25  # 0: every frame
LONG_SECONDS, LONG_EVERY_S = 60, 1  # vPDQ keeps every frame that it hashes in memory
WORKER = Path(__file__).resolve().parents[1] / "workers/vpdq_hash.py"


@dataclass
class Peer:
    why_not: str = ""
    shares: dict = field(default_factory=dict)  # (clip, edit): share of frames with a neighbour
    failures: dict = field(default_factory=dict)  # (clip, edit): why

    def any_frame(self, edits):
        return self._recall(edits, lambda share: share > 0)

    def by_rule(self, edits):
        return self._recall(edits, lambda share: share >= RULE)

    def _recall(self, edits, good):
        shares = [share for (_, edit), share in self.shares.items() if edit in edits]
        return sum(map(good, shares)), len(shares)

    def plain(self):
        return {"why_not": self.why_not,
                "shares": [[*pair, round(share, 4)] for pair, share in sorted(self.shares.items())],
                "failures": [[*pair, why] for pair, why in sorted(self.failures.items())]}


def measure(peers, runner, work, paths, copies):
    peer, folder = Peer(), work / "vpdq"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        every = {copy.path: COPY_EVERY_S for copy in copies} | dict.fromkeys(paths, KNOWN_EVERY_S)
        files = _hash_all(peers, runner, folder, every)
    except Failure as failure:
        peer.why_not = f"not run: {failure}"
        say(f"vPDQ: {peer.why_not}")
        return peer
    known = {path.stem: set(_usable(files[path])) for path in paths if isinstance(
        _load(files[path]), list)}
    for copy in copies:
        said = _load(files[copy.path])
        if isinstance(said, dict):
            peer.failures[copy.clip, copy.edit] = said["error"]
        frames = _usable(files[copy.path])
        relatives = [known[stem] for stem in known if clips.related(stem, copy.clip)]
        peer.shares[copy.clip, copy.edit] = share(frames, relatives)
    say(f"vPDQ: any frame of {peer.any_frame({copy.edit for copy in copies})}, "
        f"80 % of {peer.by_rule({copy.edit for copy in copies})}")
    return peer


def share(frames, videos):
    """The share of frames with a neighbour in the video that has most of them."""
    if not frames:
        return 0.0
    return max((sum(_near(frame, video) for frame in frames) / len(frames) for video in videos),
               default=0.0)


def _near(frame, video):
    return frame in video or any((frame ^ other).bit_count() <= DISTANCE for other in video)


def _load(path):
    return json.loads(path.read_text())


def _usable(path):
    said = _load(path)
    if isinstance(said, dict):
        return []
    return [int(value, 16) for quality, value in said if quality >= QUALITY]


# --- hashing ------------------------------------------------------------------------------------


def _hash_all(peers, runner, folder, every):
    """Where the hashes of each video stand; those that are not there yet are made."""
    python = peers.python(VPDQ)
    files, tasks = {}, []
    for path, seconds in every.items():
        files[path] = folder / f"{_name(path, seconds)}.json"
        if not files[path].exists():
            if _seconds(runner, path) > LONG_SECONDS:
                seconds = LONG_EVERY_S
            tasks.append({"file": str(path), "seconds": seconds, "to": str(files[path])})
    if tasks:
        say(f"vPDQ hashes {len(tasks)} videos; this takes a second or two for each")
        listing = runner.path("vpdq-tasks.jsonl")
        listing.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        runner.run([python, WORKER], stdin=listing)
    return files


def _name(path, seconds):
    status = path.stat()
    text = f"{path.resolve()} {seconds} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _seconds(runner, path):
    return float(runner.output(["ffprobe", "-v", "error", "-show_entries", "format=duration",
                                "-of", "csv=p=0", path]).strip() or 0)
