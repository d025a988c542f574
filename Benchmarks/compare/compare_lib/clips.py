"""The clips, all made here from ffmpeg's own test sources, and kept in the cache folder.

- `clip`: 1080p H.264, about 4 Mb/s, a keyframe every 2 s; moving detail and noise cost real bits.
- `long`: the same, five times over.
- `short/`: many clips of 4 to 10 s, 360p and less, of several codecs.
"""

import os
import random
import shutil
from pathlib import Path

from .measure import Failure, say

# name, size, codec options: all with a keyframe a second, so that cuts fall where they should.
SOURCES = (
    ("h264.mp4", "640x360", ("libx264", "-preset", "veryfast", "-b:v", "600k")),
    ("h264-small.mkv", "480x270", ("libx264", "-preset", "veryfast", "-b:v", "400k")),
    ("hevc.mp4", "640x360", ("libx265", "-preset", "ultrafast", "-b:v", "500k",
                             "-x265-params", "log-level=error")),
    ("mpeg4.avi", "640x360", ("mpeg4", "-b:v", "1M")),
    ("vp8.webm", "640x360", ("libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k")),
    ("mpeg2.ts", "480x270", ("mpeg2video", "-b:v", "1M")),
)
SOURCE_SECONDS = 40


class Clips:
    def __init__(self, runner, cache, seconds, short_count, own=None):
        self.runner, self.folder = runner, cache / "clips"
        self.seconds, self.short_count, self.own = seconds, short_count, own
        self.folder.mkdir(parents=True, exist_ok=True)

    def clip(self):
        if self.own:
            return self.own
        graph = ("[0:v]scale=1920:1080:flags=bilinear,noise=alls=10:allf=t:all_seed=1[back];"
                 "[1:v]scale=960:540[front];"
                 "[back][front]overlay=x='480+400*sin(t/3)':y='270+200*cos(t/2)'[out]")
        return self._make(
            f"1080p-{self.seconds}s.mp4", f"about as long as the clip ({self.seconds} s)",
            "-f", "lavfi", "-i", "mandelbrot=size=480x270:rate=25:maxiter=600",
            "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25",
            "-filter_complex", graph, "-map", "[out]", "-t", self.seconds,
            "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "4M",
            "-maxrate", "6M", "-bufsize", "8M", "-g", "50", "-keyint_min", "50",
            "-sc_threshold", "0", "-movflags", "+faststart")

    def part(self, seconds):
        """The beginning of the clip, not encoded again."""
        clip = self.clip()
        return self._make(f"{clip.stem}-first-{seconds}s.mp4", "a second",
                          "-i", clip, "-map", "0:v", "-t", seconds, "-c", "copy", of=clip)

    def long(self):
        clip = self.clip()
        return self._make(f"{clip.stem}-five-times.mp4", "seconds", "-stream_loop", 4,
                          "-i", clip, "-map", "0:v", "-c", "copy", of=clip)

    def short(self):
        """The folder of short clips, and one source whose material few of them show."""
        rare = self._source("testsrc2=size=640x360:rate=25", "rare.mp4", SOURCES[0][2])
        sources = [self._source(zoom(number, size), name, codec)
                   for number, (name, size, codec) in enumerate(SOURCES, 1)]
        folder = self.folder / f"short-{self.short_count}"
        if not folder.exists():
            self._cut(folder, rare, sources)
        return folder, rare

    def _source(self, graph, name, codec):
        return self._make(f"source-{name}", "half a minute", "-f", "lavfi", "-i",
                          f"{graph},noise=alls=8:allf=t:all_seed=1", "-t", SOURCE_SECONDS,
                          "-c:v", codec[0], "-pix_fmt", "yuv420p", *codec[1:], "-g", "25")

    def _cut(self, folder, rare, sources):
        say(f"cutting {self.short_count} short clips; this takes a minute")
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        draw = random.Random("short clips")
        for number in range(self.short_count):
            source = rare if number % 100 == 50 else sources[number % len(sources)]
            seconds = draw.randint(4, 10)
            start = draw.randint(0, SOURCE_SECONDS - seconds - 1)
            self.runner.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-ss", start,
                             "-i", source, "-t", seconds, "-c", "copy",
                             partial / f"{number:04}{source.suffix}"])
        os.replace(partial, folder)

    def _make(self, name, takes, *arguments, of=None):
        """Runs ffmpeg unless the file is there, and newer than what it is made of."""
        target = self.folder / name
        if target.exists() and (of is None or target.stat().st_mtime >= of.stat().st_mtime):
            return target
        say(f"making {name}; this takes {takes}")
        partial = target.with_name(f".partial-{name}")
        try:
            self.runner.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments, partial])
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        return target


def zoom(number, size):
    """Pictures unlike those of the other numbers."""
    start = 3 / (number + 1)
    return f"mandelbrot=size={size}:rate=25:start_scale={start:g}:end_pts=1500:maxiter=500"


def own_clip(path):
    path = Path(path)
    if not path.is_file():
        raise Failure(f"no file at {path}")
    return path.resolve()
