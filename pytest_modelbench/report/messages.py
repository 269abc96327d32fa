"""What a failing check says: what happened, by how much, against what, and which command helps."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.printable import printable_lines
from pytest_modelbench.core.reasons import OtherEnvironment
from pytest_modelbench.core.session import Check, Renamed
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.commands import Way, ways_out
from pytest_modelbench.report.evidence import accepted, evidence, measured, sample, values_of
from pytest_modelbench.report.reasons import band_in_words, sentences
from pytest_modelbench.report.scale import difference, duration, exact, moved, number, pair, percent, plural


@dataclass(frozen=True, slots=True)
class Advice:
    """The commands that a message ends with, and what its check could be compared with.

    ``rerun`` and ``accept`` measure the test again and accept what it measured (empty where nothing is stored),
    ``settle`` measures it as often as would probably decide it. ``neighbours`` are the other entries of the check's
    baseline folder; ``provenance`` is this session's, and ``used`` are the packages that the test's process imported.
    ``renamed`` is what the test may have been called before, and ``rename`` the command that keeps its baselines.
    """

    rerun: str
    accept: str
    settle: str = ""
    neighbours: Sequence[CheckKey] = ()
    provenance: Mapping[str, Fact] | None = None
    used: Collection[str] = ()
    renamed: Renamed | None = None
    rename: str = ""


class _Told(NamedTuple):
    """What is told of one check: its values are its own, other facts it may share with checks of the same test."""

    headline: str
    values: list[str]
    facts: list[str]
    ways: list[Way]


def failure(judged: Sequence[tuple[Check, Advice]], around: str = "") -> str:
    """The message of a test, several lines, for somebody who has never seen this tool.

    Each of its ``judged`` checks has a headline and facts; what all of them say comes once, as do what happened
    ``around`` the test since its baselines, and the commands.
    """
    dates = {check.baseline.accepted for check, _ in judged if check.baseline}
    # A noisy check tells it in the line of its value, where it would be lost among others that say the same.
    date = dates.pop() if len(judged) > 1 and len(dates) == 1 else ""
    told = [_TELL[check.judgement.verdict](_undated(check) if date else check, advice) for check, advice in judged]
    shared = [fact for fact in told[0].facts if len(told) > 1 and all(fact in one.facts for one in told)]
    parts = []
    for (check, _), one in zip(judged, told, strict=True):
        own = [*one.values, *(fact for fact in one.facts if fact not in shared)]
        parts.append("\n".join([f"{check.case.id}: {one.headline}", *(f"  {fact}" for fact in own if fact)]))
    common = [*([accepted(date)] if date else []), *filter(None, shared), *around.splitlines()]
    closing = [*common, *ways_out([way for one in told for way in one.ways])]
    if len(told) == 1:
        return printable_lines("\n".join([*parts, *(f"  {line}" for line in closing)]))
    apart = "\n\n" if any("\n" in part for part in parts) else "\n"
    return printable_lines("\n\n".join(filter(None, [apart.join(parts), "\n".join(closing)])))


def _undated(check: Check) -> Check:
    return replace(check, baseline=replace(check.baseline, accepted="")) if check.baseline else check


def _regressed(check: Check, advice: Advice) -> _Told:
    ways = [Way("to see it again", advice.rerun), Way("if this is intended", advice.accept)]
    return _Told(
        _moved(check, "regressed"),
        measured(check),
        [*evidence(check, advice.provenance, advice.used), _edge(check)],
        ways,
    )


def _edge(check: Check) -> str:
    """Why a noisy change fails that is smaller than what is tolerated; empty for one that is not."""
    judgement = check.judgement
    if not (check.metric.noisy and judgement.ratio and judgement.baseline):
        return ""
    band = check.metric.band.ratio(judgement.baseline)
    if abs(math.log(judgement.ratio)) > math.log1p(band):
        return ""
    half = 1 + band / 2
    half_text = percent(half if judgement.ratio > 1 else 1 / half)
    return f"it fails because the change is surely more than half the band ({half_text})"


def _improved(check: Check, advice: Advice) -> _Told:
    ways = [Way("to keep the gain", advice.accept)]
    return _Told(_moved(check, "improved"), measured(check), evidence(check, advice.provenance, advice.used), ways)


def _inconclusive(check: Check, advice: Advice) -> _Told:
    name, ratio, judgement = check.key.name, check.judgement.ratio, check.judgement
    seen = f"{percent(ratio)} measured{_interval(check)}, " if ratio is not None else ""
    ways = [
        Way("to settle it", advice.settle, (judgement.pairs or judgement.processes) + (judgement.more or 0)),
        Way("to try again, on a quieter machine", advice.rerun),
        Way("to add this session to the baseline", advice.accept),
    ]
    headline = f"{name} is inconclusive: {seen}{_tolerated(check)}"
    facts = [*evidence(check, advice.provenance, advice.used), found_from(check), more_needed(check)]
    return _Told(headline, measured(check), facts, ways)


def more_needed(check: Check) -> str:
    """``about 4 more processes (40 s) would settle it``, or that none would; empty where that is not known."""
    judgement = check.judgement
    if judgement.detectable_ratio is None:
        return ""
    if judgement.more is None:
        if judgement.pairs:
            return "no number of pairs would settle it: the change is too close to the edge of the band"
        return "no number of processes would settle it"
    takes = f" ({duration(judgement.more_s)})" if judgement.more_s is not None else ""
    return f"about {plural(judgement.more, 'more pair' if judgement.pairs else 'more process')}{takes} would settle it"


def found_from(check: Check) -> str:
    """From which change on a regression would have been found; empty where that is not known."""
    ratio = check.judgement.detectable_ratio
    if ratio is None:
        return ""
    slower = percent(ratio if check.metric.better is not Better.HIGHER else 1 / ratio)
    return f"a change of {slower} would be found in 4 of 5 sessions like this one"


def _incomparable(check: Check, advice: Advice) -> _Told:
    headline = f"{check.key.name} cannot be compared with its baseline: {sentences(check.judgement.reasons)}"
    if check.judgement.because(OtherEnvironment):
        # One file holds one environment: accepting would be refused.
        way = Way("to keep both", "--modelbench-baselines DIR, a folder for each environment")
    else:
        way = Way("if this is intended", advice.accept)
    return _Told(headline, values_of(check), [], [way])


def _new(check: Check, advice: Advice) -> _Told:
    others = [key for key in advice.neighbours if key != check.key]
    now = f"now       {number(check.judgement.value, check.metric.unit)}{sample(check)}"
    if not others:
        headline = f"no baseline for {check.key.name} in {check.folder}: nothing there yet"
        return _Told(headline, [now], [], [Way("to record one", advice.accept)])
    lead = f"no baseline for {check.key.name} in {check.folder}"
    headline = f"{lead}, though it holds {plural(len(others), 'other check')}; was the test renamed?"
    renamed, new = Way("if it was renamed", advice.rename), Way("if it is new", advice.accept)
    if advice.renamed:
        was = {after: before for before, after in advice.renamed.tests}[check.key.test]
        would = [as_if(one) for one in advice.renamed.checks if one.key == check.key]
        told = [f"with the baseline of {was}, which is gone: {text}" for text in would]
        return _Told(headline, [now], told, [renamed, new])
    # A renamed test keeps its checks' names, a renamed check its test.
    akin = {str(key): key for key in others if key.name == check.key.name or key.test == check.key.test}
    near = difflib.get_close_matches(str(check.key), akin, n=3, cutoff=0.6)
    nearest = [f"{'nearest' if not position else '       '}   {key}" for position, key in enumerate(near)]
    if all(akin[key].test == check.key.test for key in near):
        return _Told(headline, [now, *nearest], [], [Way("if it is new or renamed", advice.accept)])
    return _Told(headline, [now, *nearest], [], [renamed, new])


def as_if(check: Check) -> str:
    """How ``check`` would stand, judged against what is stored of a test that is gone."""
    judgement = check.judgement
    if judgement.verdict is Verdict.INCOMPARABLE:
        return f"{check.key.name} could not be compared: {sentences(judgement.reasons)}"
    how = {Verdict.REGRESSED: "would be regressed", Verdict.IMPROVED: "would be improved"}
    if judgement.verdict is Verdict.INCONCLUSIVE:
        ratio = f"{percent(judgement.ratio or 1)} measured{_interval(check)}"
        return f"{check.key.name} would be inconclusive so far: {ratio}"
    return _moved(check, how.get(judgement.verdict, "would be ok"))


def _unchanged(check: Check, advice: Advice) -> _Told:
    headline = f"{check.key.name} of unchanged code: {percent(check.judgement.ratio or 1)} measured{_interval(check)}"
    ways = [Way("to see it again", advice.rerun), _from_now_on(advice)]
    return _Told(headline, measured(check), evidence(check, advice.provenance, advice.used), ways)


def _ok(check: Check, advice: Advice) -> _Told:
    told = evidence(check, advice.provenance, advice.used)
    ways = [_from_now_on(advice)] if check.judgement.machine_moved else []
    return _Told(_moved(check, "is ok"), measured(check), told, ways)


def _from_now_on(advice: Advice) -> Way:
    """What to do about a machine that moved."""
    return Way("to compare with this machine from now on", advice.accept)


_TELL = {
    Verdict.REGRESSED: _regressed,
    Verdict.IMPROVED: _improved,
    Verdict.INCONCLUSIVE: _inconclusive,
    Verdict.INCOMPARABLE: _incomparable,
    Verdict.NEW: _new,
    Verdict.UNCHANGED: _unchanged,
    Verdict.OK: _ok,
}


def _moved(check: Check, how: str) -> str:
    """``latency regressed by +23.4% (95% sure: ...), 5% is tolerated``, with both values where they are exact."""
    judgement, metric = check.judgement, check.metric
    tolerated = _tolerated(check)
    if metric.noisy and judgement.ratio is not None:
        by = ":" if how.endswith(" ok") else " by"
        return f"{check.key.name} {how}{by} {percent(judgement.ratio)}{_interval(check)}, {tolerated}"
    if judgement.baseline is None:
        return f"{check.key.name} {how}, {tolerated}"
    old, new = _exact_pair(judgement.baseline, judgement.value, metric.unit)
    if judgement.value == judgement.baseline and how.endswith(" ok"):
        return f"{check.key.name} {how}: {new}, as before"
    by_unit = difference(judgement.baseline, judgement.value, metric.unit)
    share = moved(judgement.baseline, judgement.value, metric.unit)
    by = by_unit if metric.unit == "count" or share == by_unit else f"{share}, {by_unit}"
    return f"{check.key.name} {how}: {old} -> {new} ({by}), {tolerated}"


def _tolerated(check: Check) -> str:
    band = check.metric.band
    return "no change is tolerated" if band.text == "exact" else f"{band_in_words(band)} is tolerated"


def _exact_pair(old: float, new: float, unit: str) -> tuple[str, str]:
    """Counts to the last one: whoever looks for a cause divides by them."""
    return (exact(old, unit), exact(new, unit)) if unit == "count" else pair(old, new, unit)


def _interval(check: Check) -> str:
    low, high = check.judgement.low_ratio, check.judgement.high_ratio
    if low is None or high is None:
        return ""
    return f" (95% sure: {percent(low)} to {percent(high)})"
