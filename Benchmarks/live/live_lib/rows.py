"""Bars, each with its figure and whether it is met."""

from dataclasses import dataclass

MET, NOT_MET, INFORMATION = "met", "**NOT met**", "for information"


@dataclass
class Row:
    part: str
    what: str
    need: str
    measured: str
    result: str

    @property
    def is_measured(self):
        return not self.result.startswith("not measured")


def judged(part, what, need, measured, good):
    return Row(part, what, need, measured, MET if good else NOT_MET)


def told(part, what, measured):
    return Row(part, what, "–", measured, INFORMATION)


def unknown(part, what, need, why):
    why = " ".join(str(why).split()).replace("|", "\\|")
    return Row(part, what, need, "", f"not measured: {why}")


def exit_code(rows):
    if any(not row.is_measured for row in rows):
        return 2
    return 1 if any(row.result == NOT_MET for row in rows) else 0


def table(rows):
    lines = []
    for part in dict.fromkeys(row.part for row in rows):
        lines += ["", f"## {part}", "", "| What | Needed | Measured | Result |",
                  "| --- | --- | --- | --- |"]
        lines += [f"| {row.what} | {row.need} | {row.measured} | {row.result} |"
                  for row in rows if row.part == part]
    return lines
