"""What has to hold, each with what was measured and a verdict.

A bar is met only by figures: what was not run, is not in this build, or could not be made leaves
it "not measured", with the reason.
"""

from dataclasses import dataclass

from .edits import EDITS
from .recall import EFFORTS, Setup

MET, NOT_MET = "met", "**NOT met**"
FLOOR = frozenset(name for name, edit in EDITS.items() if edit.floor)

TOTALS = ((Setup("fast"), .65), (Setup("standard"), .84), (Setup("thorough"), .95),
          (Setup("standard", "standard"), .90), (Setup("thorough", "thorough"), .99))
ALWAYS = ("mirror", "flip", "rotate_90", "rotate_180", "invert", "letterbox", "pillarbox",
          "border_white", "border_colour", "mirror_letterbox")
MOSTLY = ("pip_50", "pip_70", "split_screen", "screen_recording", "logo_large", "chat_overlay",
          "subtitles", "blurred_sides")
MOSTLY_SHARE = .90
ADDED_CPU = (("standard", .10), ("thorough", 1.00))


@dataclass
class Verdict:
    bar: str
    need: str
    measured: str
    result: str

    @property
    def known(self):
        return self.result in (MET, NOT_MET)


def verdicts(results):
    return (_totals(results) + _each_edit(results) + [_alarms(results, e) for e in EFFORTS]
            + [_cost(results, effort, most) for effort, most in ADDED_CPU])


def _judge(bar, need, measured, good):
    return Verdict(bar, need, measured, MET if good else NOT_MET)


def _unknown(bar, need, why):
    return Verdict(bar, need, "", f"not measured: {why}")


def _outcome(results, setup):
    """The outcome of a setup, or why there is none."""
    for outcome in results.outcomes:
        if outcome.setup == setup:
            return (None, outcome.why_not) if outcome.why_not else (outcome, "")
    return None, "not run"


def _lacking(results, outcome, edits):
    """Why the copies that were tried do not stand for these edits."""
    absent = edits - {edit for _, edit in outcome.tried}
    unmade = sum(edit in edits for _, edit in results.copies.missing)
    if unmade:
        return f"{unmade} copies could not be made"
    return f"{len(absent)} of {len(edits)} edits were not run" if absent else ""


def _totals(results):
    found = []
    for setup, least in TOTALS:
        bar, need = f"{len(FLOOR)} edits of the floor, {setup}", f"at least {least:.2f}"
        outcome, why = _outcome(results, setup)
        why = why or _lacking(results, outcome, FLOOR)
        if why:
            found.append(_unknown(bar, need, why))
            continue
        hits, tried = outcome.recall(FLOOR)
        found.append(_judge(bar, need, f"{hits / tried:.3f} ({hits} of {tried})",
                            hits >= least * tried))
    return found


def _each_edit(results):
    rows = ((ALWAYS, 1.0, "standard"), (ALWAYS, 1.0, "thorough"),
            (MOSTLY, MOSTLY_SHARE, "thorough"))
    found = []
    for names, least, effort in rows:
        bar = f"each of {', '.join(names)}: {effort}"
        need = "1.00" if least == 1 else f"at least {least:.2f}"
        outcome, why = _outcome(results, Setup(effort))
        why = why or _lacking(results, outcome, frozenset(names))
        if why:
            found.append(_unknown(bar, need, why))
            continue
        shares = {name: outcome.recall({name}) for name in names}
        low = [f"{name} {hits} of {tried}" for name, (hits, tried) in shares.items()
               if hits < least * tried]
        found.append(_judge(bar, need, "; ".join(low) if low else "all", not low))
    return found


def _alarms(results, effort):
    """Over all that is unrelated: copies judged against other items, and every negative."""
    bar, need = f"alerts on what is unrelated, {effort}", "0"
    alarms, missing = 0, []
    for setup in (Setup(effort), Setup(effort, effort)):
        if effort == "fast" and setup.variants != "none":
            continue
        outcome, why = _outcome(results, setup)
        if outcome:
            alarms += len(outcome.false_alarms)
        else:
            missing.append(f"recall, {setup}: {why}")
        sections = [row for row in results.negatives if row.setup == setup]
        alarms += sum(len(row.alarms) for row in sections)
        missing += [f"{row.what}, {setup}: {row.why_not}" for row in sections if row.why_not]
        if not sections:
            missing.append(f"negatives, {setup}: not run")
    if alarms:
        return _judge(bar, need, str(alarms), False)
    return _unknown(bar, need, "; ".join(missing)) if missing else _judge(bar, need, "0", True)


def _cost(results, effort, most):
    bar = f"added user CPU of {effort} over fast, as a share of a 1080p keyframe's decode"
    need = f"at most {most:.0%}"
    rows = [row for row in results.costs if row.effort == effort]
    missing = [row.why_not for row in rows if row.why_not]
    if missing or not rows:
        return _unknown(bar, need, "; ".join(missing) or "not run")
    measured = ", ".join(f"{row.film or 'one film'} {row.share:.1%}" for row in rows)
    return _judge(bar, need, measured, all(row.share <= most for row in rows))
