"""Recall: each edited copy is scanned against one set of all clips.

Found is a copy with an alert that names its clip, or a version of it. An alert that names any
other item is a false alarm, and is counted apart. A copy that could not be examined in full and
had no alert is a miss, and said.
"""

from dataclasses import asdict, dataclass, field

from compare_lib.measure import Failure, say

from . import clips
from .program import NotAvailable

VARIANTS = ("none", "standard", "thorough")
EFFORTS = ("fast", "standard", "thorough")


@dataclass(frozen=True)
class Setup:
    """How the known set was built, and with what effort copies are looked at."""
    effort: str
    variants: str = "none"

    def __str__(self):
        return self.effort if self.variants == "none" else f"{self.effort}, variants"


@dataclass
class Outcome:
    """What one setup found."""
    setup: Setup
    why_not: str = ""  # not available, or could not be run
    found: set = field(default_factory=set)  # (clip, edit)
    tried: set = field(default_factory=set)
    unexamined: dict = field(default_factory=dict)  # (clip, edit): why
    false_alarms: list = field(default_factory=list)  # (clip, edit, item)
    cpu_s: float = 0

    @property
    def missed(self):
        return sorted(self.tried - self.found)

    def recall(self, edits):
        """Found and tried among copies by these edits."""
        tried = [pair for pair in self.tried if pair[1] in edits]
        return sum(pair in self.found for pair in tried), len(tried)

    def plain(self):
        """For the file of raw results."""
        raw = asdict(self)
        raw["setup"] = asdict(self.setup)
        for name in ("found", "tried"):
            raw[name] = sorted(raw[name])
        raw["unexamined"] = [[*pair, why] for pair, why in sorted(self.unexamined.items())]
        return raw | {"missed": self.missed}


def setups(efforts, variants):
    """Sets without variants are tried at every effort; one with variants at the effort that it
    was named for, which is how it is meant to be used."""
    plain = [Setup(effort) for effort in efforts] if "none" in variants else []
    return plain + [Setup(kind, kind) for kind in variants if kind != "none" and kind in efforts]


def measure(program, paths, copies, setup):
    outcome = Outcome(setup)
    try:
        known = program.known("all", paths, variants=setup.variants)
        lines, outcome.cpu_s = program.scan(
            [copy.path for copy in copies], known, setup.effort)
    except NotAvailable as reason:
        outcome.why_not = f"not available in this build: {reason}"
    except Failure as failure:
        outcome.why_not = f"not run: {failure}"
    else:
        judge(outcome, copies, lines)
    say(f"recall, {setup}: " + (outcome.why_not or f"{len(outcome.found)} of {len(outcome.tried)} "
        f"found, {len(outcome.false_alarms)} false alarms, {outcome.cpu_s:.0f} s of CPU"))
    return outcome


def judge(outcome, copies, lines):
    """Reads what a scan said about the copies."""
    by_path = {str(copy.path): (copy.clip, copy.edit) for copy in copies}
    answered = set()
    for line in lines:
        pair = by_path.get(line.get("input"))
        if pair is None:
            continue
        if line["type"] == "alert":
            item = line["known"]["item"]
            if clips.related(item, pair[0]):
                outcome.found.add(pair)
            else:
                outcome.false_alarms.append((*pair, item))
        elif line["type"] == "input":
            answered.add(pair)
            if line["status"] != "examined":
                outcome.unexamined[pair] = f"{line['status']}: {line.get('error', '')}".strip(": ")
    outcome.tried = set(by_path.values())
    for pair in outcome.tried - answered:
        outcome.unexamined[pair] = "the scan had no line for it"
