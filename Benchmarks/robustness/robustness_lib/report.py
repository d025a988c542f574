"""The page Benchmarks/ROBUSTNESS.md: bars, totals, a row for each edit, and every miss by name."""

from compare_lib.report import line

from . import bars, clips
from .edits import EDITS, GROUPS

EXPLANATION = """\
Written by `Benchmarks/robustness/run`. Each clip is edited in many ways; every edited copy is
scanned (`vigil scan`, keyframes) against one known set made of all clips. *Found* is a copy with
an alert that names the clip that it was made of, or another version of the same clip
({relatives}). A copy that could not be examined counts as missed. "Variants" means that
the known set was built with `vigil known build --variants`, of the same name as the effort.
The *floor* are edits that every matcher is expected to survive; *beyond* are harder ones.
`robustness_lib/edits.py` says what each edit does.

Few clips with many edits show what kinds of edits are survived, not a rate to be expected of a
provider's traffic: the copies of one clip stand and fall together.
"""
PEER = """\
vPDQ (PyPI, the reference) hashed every frame of the known clips, and four frames a second of the
copies (one where they last more than a minute); distance at most 31, quality at least 50.
*Any frame* is the most that it could find: one frame of the copy is near one of the clip. *80 %*
is its own rule for the copy: that share of its frames has a neighbour. (It asks for as much of the
known frames too; that is left out, in its favour.)
"""
NEGATIVES = """\
Nothing here shows a clip of the set that it is scanned against, so every alert is a false alarm.
Where there was none, the last column is the largest rate that the sample leaves likely (95 %, the
rule of three: 3 / n). It takes pictures as independent, which sizes of one wallpaper or frames
of one video are not.
"""
COST = """\
User CPU of `vigil scan --effort E`, less that of `--effort fast` beside it, a keyframe; over the
user CPU of `ffmpeg -skip_frame nokey -threads 1 -f null -`, a keyframe, in the same turn. The known
set holds {hashes:,} random hashes. Medians, and the smallest and largest of {pairs} turns.
"""
NO_FIGURE = "–"


def page(results):
    parts = [["# Copies found, and what else", "", _explanation(results)],
             [f"- {name}: {value}" for name, value in results.facts],
             _bars(results), _totals(results), _edits(results), _missed(results)]
    parts += [_negatives(results)] if results.negatives else []
    parts += [_costs(results)] if results.costs else []
    return "\n\n".join("\n".join(part).strip() for part in parts if part) + "\n"


def _explanation(results):
    groups = {}
    for stem in results.clips:
        groups.setdefault(clips.family(stem), []).append(stem)
    relatives = ["; ".join(", ".join(stems) for stems in groups.values() if len(stems) > 1)]
    return EXPLANATION.format(relatives=relatives[0] or "none here")


def exit_code(results):
    """0 all bars met, 1 one is not, 2 something could not be measured."""
    verdicts = bars.verdicts(results)
    if any(verdict.result == bars.NOT_MET for verdict in verdicts):
        return 1
    return 0 if all(verdict.known for verdict in verdicts) else 2


def _table(head, rows):
    return [line(head), line("---" for _ in head), *(line(map(_cell, row)) for row in rows)]


def _cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


# --- sections -----------------------------------------------------------------------------------


def _bars(results):
    rows = [(verdict.bar, verdict.need, verdict.measured or NO_FIGURE, verdict.result)
            for verdict in bars.verdicts(results)]
    return ["## Bars", "", *_table(("What", "Needed", "Measured", "Result"), rows)]


def _columns(results):
    """Heading and recall by edits, for the peer and every setup."""
    columns = []
    if results.peer:
        columns += [("vPDQ, any frame", results.peer.any_frame),
                    ("vPDQ, 80 %", results.peer.by_rule)]
    for outcome in results.outcomes:
        recall = None if outcome.why_not else outcome.recall
        columns.append((str(outcome.setup), recall))
    return columns


def _share(recall, edits):
    hits, tried = recall(edits) if recall else (0, 0)
    return f"{hits / tried:.2f}" if tried else NO_FIGURE


def _totals(results):
    if not results.outcomes and not results.peer:
        return []
    columns = _columns(results)
    lists = [(f"floor, {group}", group, True) for group in GROUPS]
    lists += [("**floor, all**", None, True)]
    lists += [(f"beyond, {group}", group, False) for group in GROUPS]
    lists += [("**beyond, all**", None, False)]
    rows = []
    for title, group, floor in lists:
        names = {name for name in results.edits if EDITS[name].floor == floor
                 and group in (None, EDITS[name].group)}
        if names:
            rows.append((f"{title} ({len(names)})", *(_share(recall, names)
                                                      for _, recall in columns)))
    notes = [f"- {outcome.setup}: {_cell(outcome.why_not)}" for outcome in results.outcomes
             if outcome.why_not]
    if results.peer and results.peer.why_not:
        notes.append(f"- vPDQ: {_cell(results.peer.why_not)}")
    if results.peer and results.peer.failures:
        notes.append(f"- vPDQ could not read {len(results.peer.failures)} copies, which count as "
                     "missed")
    return (["## Share of copies found, by group", ""] + (notes + [""] if notes else [])
            + _table(("Edits", *(head for head, _ in columns)), rows)
            + (["", PEER] if results.peer else []))


def _edits(results):
    columns = _columns(results)
    if not columns:
        return []
    made = {}
    for copy in results.copies.made:
        made[copy.edit] = made.get(copy.edit, 0) + 1
    rows = [(name, EDITS[name].group, "floor" if EDITS[name].floor else "beyond",
             str(made.get(name, 0)), *(_share(recall, {name}) for _, recall in columns))
            for name in results.edits]
    head = ("Edit", "Group", "List", "Copies", *(head for head, _ in columns))
    return ["## Share of copies found, by edit", "", *_table(head, rows)]


def _missed(results):
    lines = ["## Missed copies, by name", ""]
    for outcome in results.outcomes:
        if outcome.why_not:
            continue
        by_edit = {}
        for clip, edit in outcome.missed:
            by_edit.setdefault(edit, []).append((clip, edit))
        lines.append(f"- **{outcome.setup}**, {len(outcome.missed)} of {len(outcome.tried)}"
                     + (":" if by_edit else ""))
        lines += [f"  - {name}: {_clips(outcome, by_edit[name])}"
                  for name in results.edits if name in by_edit]
        lines += [f"  - **false alarm**: {clip} {edit} named {item}"
                  for clip, edit, item in outcome.false_alarms]
    lines += [f"- could not be made: {clip} {edit}: {_cell(why)}"
              for (clip, edit), why in sorted(results.copies.missing.items())]
    return lines if len(lines) > 2 else []


def _clips(outcome, missed):
    """The clips of the missed copies by one edit."""
    edit = missed[0][1]
    names = [clip + (" (not fully examined)" if (clip, edit) in outcome.unexamined else "")
             for clip, _ in missed]
    tried = outcome.recall({edit})[1]
    every = len(missed) == tried > 1 and names == [clip for clip, _ in missed]
    return f"all {tried} clips" if every else ", ".join(names)


def _negatives(results):
    rows = [(row.what, str(row.setup), *row.cells()) for row in results.negatives]
    head = ("What", "Setup", "Inputs", "Pictures looked at", "Not fully examined", "Alerts",
            "At most (95 %)")
    lines = ["## What must not be found", "", NEGATIVES, *_table(head, rows)]
    lines += [f"- **false alarm**, {row.what}, {row.setup}: {_cell(alarm)}"
              for row in results.negatives for alarm in row.alarms]
    lines += [f"- could not be made: {name}: {_cell(why)}"
              for name, why in results.unmade.items()]
    if results.packages:
        lines += ["", "The stills come from these Debian packages, which are not installed:", ""]
        lines += _table(("Package", "Version", "Stills of 64 pixels and more", "Note"),
                        [(package.name, package.version or NO_FIGURE, f"{package.stills:,}",
                          package.why_not) for package in results.packages])
    return lines


def _costs(results):
    first = results.costs[0]
    rows = [row.cells() for row in results.costs]
    head = ("Effort", "Film", "Decode of a keyframe", "Added", "Share of the decode", "Spread", "Note")
    return ["## Cost", "", COST.format(hashes=first.hashes, pairs=first.pairs),
            *_table(head, rows)]
