"""The table: one row for each thing compared, whether it could be run or not."""

import datetime
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path

WITHIN, BEYOND, INFORMATION = "within", "**beyond**", "for information"
HEAD = ("What is measured", "Vigil", "Compared with", "Ratio", "Spread", "Bar", "Result")


@dataclass
class Bar:
    """What counts as good. `unit` is "x" for a ratio, else the unit of Vigil's own figure; with
    `must` it is something that is right or wrong."""
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "x"
    must: str = ""

    def __str__(self):
        if self.must:
            return self.must
        if self.at_most is None and self.at_least is None:
            return "–"
        space = "" if self.unit == "x" else " "
        word, value = (("at most", self.at_most) if self.at_least is None
                       else ("at least", self.at_least))
        return f"{word} {value:g}{space}{self.unit}"

    def verdict(self, value):
        if self.at_most is None and self.at_least is None:
            return INFORMATION
        good = value <= self.at_most if self.at_least is None else value >= self.at_least
        return WITHIN if good else BEYOND


@dataclass
class Row:
    group: str
    what: str
    bar: Bar = field(default_factory=Bar)
    vigil: str = ""
    peer: str = ""
    ratio: str = ""
    spread: str = ""
    result: str = "not run"
    ran: bool = False
    skipped: bool = False

    def compare(self, vigil, peer, unit, faster=False, note=""):
        """Pairs of figures. The ratio is Vigil's to the peer's; with `faster` the other way."""
        if min(vigil) <= 0 or min(peer) <= 0:
            return self.cannot("a figure too small to compare: the run was too short")
        ratios = sorted(p / v if faster else v / p for v, p in zip(vigil, peer))
        median = statistics.median(ratios)
        self.vigil = figure(statistics.median(vigil), unit)
        self.peer = figure(statistics.median(peer), unit) + note
        self.ratio = f"{short(median)}x"
        self.spread = f"{short(ratios[0])}..{short(ratios[-1])}"
        self._ran(self.bar.verdict(median))

    def value(self, values, unit, peer="", worst=False):
        """Vigil's figure by itself: the median, or the worst (largest) of all runs."""
        values = sorted(values)
        middle = values[-1] if worst else statistics.median(values)
        self.vigil, self.peer = figure(middle, unit), peer
        if len(values) > 1:
            self.spread = f"{short(values[0])}..{short(values[-1])} {unit}"
        self._ran(self.bar.verdict(middle))

    def truth(self, good, vigil, peer=""):
        """Something that is right or wrong."""
        self.vigil, self.peer = vigil, peer
        self._ran(WITHIN if good else BEYOND)

    def cannot(self, why):
        self.result = "not run: " + " ".join(str(why).split()).replace("|", "\\|")

    def leave_out(self, why):
        self.skipped = True
        self.cannot(why)

    def _ran(self, result):
        self.result, self.ran = result, True

    def cells(self):
        return (self.what, self.vigil, self.peer, self.ratio, self.spread, str(self.bar),
                self.result)


def short(value):
    """Three digits that count, never an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def figure(value, unit):
    return f"{short(value)} {unit}"


def exit_code(rows):
    asked = [row for row in rows if not row.skipped]
    if any(not row.ran for row in asked):
        return 2
    return 1 if any(row.result == BEYOND for row in asked) else 0


# --- the page -------------------------------------------------------------------------------

EXPLANATION = """\
Written by `Benchmarks/compare/run`: every figure comes from one run on one machine. The two sides
of a row alternate (A B A B); figures are medians, the ratio is the median of the ratios of the
pairs, the spread is the smallest and the largest of them. *Times* of a scan are those of the whole
process, start and known set included. What the machine itself gives for two processes at once
stands beside the rows about two cores.
"""


def page(rows, facts):
    lines = ["# Vigil and its peers, measured", "", EXPLANATION]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", line(HEAD), line("---" for _ in HEAD)]
    lines += [line(row.cells()) for row in rows]
    return "\n".join(lines) + "\n"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def machine_facts(started, load_before):
    ended = datetime.datetime.now(datetime.timezone.utc)
    minutes = (ended - started).total_seconds() / 60
    load_after = os.getloadavg()[0]
    return [
        ("Date", f"{started:%Y-%m-%d %H:%M} UTC, {minutes:.0f} min"),
        ("Machine", f"{cpu_model()}, {os.cpu_count()} cores ({len(os.sched_getaffinity(0))} may be "
                    f"used), {memory_gib():.0f} GiB, {platform.system()} {platform.release()}"),
        ("Load before and after (1 min)", f"{load_before:.2f} and {load_after:.2f}; the run itself "
                                          "is in the second"),
    ]


def cpu_model():
    try:
        for text in Path("/proc/cpuinfo").read_text().splitlines():
            if text.startswith("model name"):
                return text.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
