"""Negatives: what has nothing to do with the known set, and must raise no alert.

- the clips themselves, each against a set of the clips that are not related to it;
- generated patterns, still pictures, and slideshows of them, against the set of all clips.

Rates are of pictures that could have matched: sampled, and with enough structure for a hash.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from compare_lib.measure import Failure, say

from . import clips, patterns, stills
from .program import NotAvailable
from .recall import Setup

QUICK_SLIDES = 20
RULE_OF_THREE = 3  # 95 % upper bound of a rate of which n trials showed none: 3 / n


@dataclass
class Row:
    what: str
    setup: Setup
    inputs: int = 0
    sampled: int = 0
    hashed: int = 0  # of these, with structure enough to be compared
    unexamined: list = field(default_factory=list)  # which, and why
    alarms: list = field(default_factory=list)
    cpu_s: float = 0
    why_not: str = ""

    def add(self, lines):
        for line in lines:
            place = "/".join(Path(line.get("input", "")).parts[-2:])
            if line["type"] == "alert":
                self.alarms.append(f"{place} named {line['known']['item']} "
                                   f"({line['frames_matched']} frames, {line['variant']}, distance "
                                   f"{line['best_distance']})")
            elif line["type"] == "input":
                self.inputs += 1
                self.sampled += line["frames_sampled"]
                self.hashed += line["frames_sampled"] - line["frames_low_quality"]
                if line["status"] != "examined":
                    self.unexamined.append(
                        f"{place}: {line['status']}, {line.get('error', '')}")

    def cells(self):
        if self.why_not:
            return ("", "", "", f"not measured: {self.why_not}", "")
        return (f"{self.inputs:,}", f"{self.hashed:,} of {self.sampled:,}",
                str(len(self.unexamined)), str(len(self.alarms)),
                bound(len(self.alarms), self.hashed))

    def plain(self):
        return asdict(self)


def bound(alarms, pictures):
    """What the rate is at most, by what was seen."""
    if not pictures:
        return "–"
    if alarms:
        return f"{alarms} in {pictures:,}"
    return f"1 in {pictures / RULE_OF_THREE:,.0f}"


@dataclass
class Material:
    """Everything unrelated, made or fetched once for all setups."""
    paths: list  # the clips
    videos: dict  # what: paths
    packages: list
    missing: dict  # what could not be made, and why


def gather(runner, work, paths, jobs, quick):
    names = patterns.QUICK_PATTERNS if quick else patterns.PATTERNS
    made, missing = patterns.make(runner, work / "patterns", names, jobs)
    wanted = stills.QUICK_PACKAGES if quick else stills.PACKAGES
    packages, pictures = stills.Stills(runner, work).fetch(wanted)
    shows, unmade = patterns.slideshows(runner, work / "slideshows", pictures, jobs,
                                        QUICK_SLIDES if quick else patterns.SLIDES)
    for name, why in (missing | unmade).items():
        say(f"  not made: {name}: {why}")
    videos = {"generated patterns": made, "still pictures": pictures, "slideshows": shows}
    return Material(paths, videos, packages, missing | unmade)


def measure(program, material, setup):
    """One row for each kind of what is unrelated."""
    rows = [_attempt(Row("clips, against a set without them", setup),
                     lambda row: _without_family(program, material.paths, row))]
    for what, inputs in material.videos.items():
        rows.append(_attempt(Row(what, setup),
                             lambda row: _unrelated(program, material.paths, inputs, row)))
    return rows


def _attempt(row, fill):
    try:
        fill(row)
    except NotAvailable as reason:
        row.why_not = f"not available in this build: {reason}"
    except Failure as failure:
        row.why_not = f"not run: {failure}"
    say(f"{row.what}, {row.setup}: " + (row.why_not or f"{row.inputs} inputs, {row.hashed} "
        f"pictures, {len(row.alarms)} alerts, {row.cpu_s:.0f} s of CPU"))
    return row


def _without_family(program, paths, row):
    families = {}
    for path in paths:
        families.setdefault(clips.family(path.stem), []).append(path)
    if len(families) < 2:
        raise Failure("all clips are related to one another")
    for name, members in sorted(families.items()):
        others = [path for path in paths if path not in members]
        known = program.known(f"without-{name.strip('-')}", others, variants=row.setup.variants)
        lines, seconds = program.scan(members, known, row.setup.effort)
        row.add(lines)
        row.cpu_s += seconds


def _unrelated(program, paths, inputs, row):
    if not inputs:
        raise Failure("there are none here")
    known = program.known("all", paths, variants=row.setup.variants)
    lines, row.cpu_s = program.scan(inputs, known, row.setup.effort)
    row.add(lines)
