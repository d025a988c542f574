"""Cost: what an effort adds to the user CPU of a scan, measured against the decode of a keyframe.

On one core, in turns: fast, the other efforts, ffmpeg. The known set holds random hashes and
nothing of the film, as on ordinary traffic. Two films of 1080p: the clips one after another, and a
test film half of which lies within a uniform border, so that more of it is looked at.
"""

import hashlib
import random
import statistics
from dataclasses import dataclass

from compare_lib.clips import Clips
from compare_lib.measure import ONE_CORE, Failure, interleave, say
from compare_lib.scan_rows import decode

from .program import NotAvailable

HASHES = 100_000
CLIP_SECONDS, QUICK_CLIP_SECONDS = 241, 41  # a keyframe every two seconds
PAIRS, QUICK_PAIRS = 7, 3


@dataclass
class Row:
    effort: str
    film: str = ""
    hashes: int = HASHES
    pairs: int = 0
    keyframes: int = 0
    decode_ms: float = 0  # a keyframe
    added_ms: float = 0  # a keyframe, over fast
    share: float = 0
    least: float = 0
    most: float = 0
    why_not: str = ""

    def cells(self):
        if self.why_not:
            return (self.effort, self.film, "", "", "", "", f"not measured: {self.why_not}")
        return (self.effort, self.film, f"{self.decode_ms:.2f} ms", f"{self.added_ms:.2f} ms",
                f"{self.share:.1%}", f"{self.least:.1%}..{self.most:.1%}",
                f"{self.keyframes} keyframes of 1080p")

    def fill(self, fast, effort, ffmpeg):
        """User CPU seconds of each turn."""
        added = [more - less for more, less in zip(effort, fast)]
        shares = sorted(extra / bare for extra, bare in zip(added, ffmpeg))
        self.pairs = len(shares)
        self.decode_ms = statistics.median(ffmpeg) / self.keyframes * 1000
        self.added_ms = statistics.median(added) / self.keyframes * 1000
        self.share, self.least, self.most = statistics.median(shares), shares[0], shares[-1]


def measure(program, runner, work, paths, efforts, quick):
    """Rows of every effort but fast, for each film; `paths` are the given clips."""
    seconds = QUICK_CLIP_SECONDS if quick else CLIP_SECONDS
    films = (("the clips", lambda: _footage(runner, work, paths, seconds)),
             ("test film", lambda: Clips(runner, work, seconds, 0).clip()))
    rows = []
    for film, make in films:
        some = [Row(effort, film) for effort in efforts if effort != "fast"]
        try:
            _measure(program, runner, work, make(), some, quick)
        except Failure as failure:
            for row in some:
                row.why_not = row.why_not or (f"not run: {failure}" if not row.pairs else "")
        rows += some
    for row in rows:
        say(f"cost, {' '.join(cell for cell in row.cells() if cell)}")
    return rows


def _footage(runner, work, paths, seconds):
    """The clips one after another, again and again, a keyframe every two seconds."""
    made_of = hashlib.sha256("\n".join(map(str, paths)).encode()).hexdigest()[:8]
    target = work / f"clips-1080p-{made_of}-{seconds}s.mp4"
    if target.exists():
        return target
    inputs = [part for path in paths for part in ("-i", path)]
    scaled = "".join(
        f"[{number}:v]scale=1920:1080:force_original_aspect_ratio=increase,crop=1920:1080,"
        f"fps=25,setsar=1,format=yuv420p[v{number}];" for number in range(len(paths)))
    labels = "".join(f"[v{number}]" for number in range(len(paths)))
    partial = target.with_name(f".partial-{target.name}")
    once = target.with_name(f".once-{target.name}")
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-g", "50", "-keyint_min",
               "50", "-sc_threshold", "0", "-an"]
    try:
        runner.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *inputs, "-filter_complex",
                    f"{scaled}{labels}concat=n={len(paths)}[out]", "-map", "[out]", *encoder, once])
        runner.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-stream_loop", "-1", "-i",
                    once, "-t", seconds, "-c", "copy", partial])
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
        once.unlink(missing_ok=True)
    return target


def _measure(program, runner, work, clip, rows, quick):
    known = program.known("random", lists=[_hashes(work)])
    keyframes = _keyframes(runner, clip)
    here = [row for row in rows if _available(program, clip, known, row)]
    measures = [lambda effort=effort: program.scan_user_s(clip, known, effort, ONE_CORE)
                for effort in ("fast", *(row.effort for row in here))]
    bare = lambda: runner.run(decode_keyframes(clip), cores=ONE_CORE).user_s
    fast, *others, ffmpeg = interleave("cost", QUICK_PAIRS if quick else PAIRS, [*measures, bare])
    for row, effort in zip(here, others):
        row.keyframes = keyframes
        row.fill(fast, effort, ffmpeg)


def _available(program, clip, known, row):
    try:
        program.scan_user_s(clip, known, row.effort)
    except NotAvailable as reason:
        row.why_not = f"not available in this build: {reason}"
    return not row.why_not


def decode_keyframes(clip):
    return decode(clip, 1, "-skip_frame", "nokey")


def _keyframes(runner, clip):
    said = runner.output(["ffprobe", "-v", "error", "-select_streams", "v:0", "-skip_frame",
                          "nokey", "-show_entries", "frame=pict_type", "-of", "csv=p=0", clip])
    return len(said.split())


def _hashes(work):
    path = work / "random-hashes.txt"
    if not path.exists():
        draw = random.Random("robustness")
        path.write_text("".join(f"{draw.getrandbits(256):064x}\n" for _ in range(HASHES)))
    return path
