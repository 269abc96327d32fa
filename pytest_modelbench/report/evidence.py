"""What a verdict on a check rests on: its values, the machine, the reasons, and what else differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from pytest_modelbench.core.environment import Fact, differences, told_first
from pytest_modelbench.core.measurement import counted
from pytest_modelbench.core.reasons import EnvironmentMoved, ItemsChanged, Parted, Placed, Reason, SamplesChanged, Since
from pytest_modelbench.core.session import Check, told_session
from pytest_modelbench.report.footnotes import SAME_SPEED, behind, launching_s, machine_time, speed, told_by_pairs
from pytest_modelbench.report.reasons import lines, sentence
from pytest_modelbench.report.scale import number, pair

#: What of the pieces that a value is made of changed.
_PIECES = (SamplesChanged, ItemsChanged, Parted)


def accepted(session: str) -> str:
    """When a baseline was, by the id of the session that it was accepted from."""
    return f"the baseline was accepted {told_session(session)}"


def measured(check: Check) -> list[str]:
    """Both values of a noisy check, which its headline does not have; of others, which of their pieces changed."""
    if check.metric.noisy:
        return values_of(check)
    values = lines(one for one in check.judgement.reasons if isinstance(one, _PIECES))
    if len({one.value for one in check.measurements}) > 1:
        values.append(f"per process: {', '.join(number(one.value, check.metric.unit) for one in check.measurements)}")
    return values


def evidence(check: Check, provenance: Mapping[str, Fact] | None, used: Collection[str]) -> list[str]:
    """What the verdict rests on beside the values: the machine, the reasons, and what else differs.

    ``provenance`` is this session's, ``used`` are the packages that the test's process imported.
    """
    judgement, baseline = check.judgement, check.baseline
    if check.metric.noisy:
        facts = [_machine(check), _gpu(check), _launching(check)]
    else:
        facts = [accepted(baseline.accepted) if baseline and baseline.accepted else ""]
    reasons = [_in_order(one, used) for one in judgement.reasons if not isinstance(one, _PIECES)]
    # Where it is comes first. What else differs comes last: it is no part of the verdict.
    facts += lines(sorted(reasons, key=lambda one: (not isinstance(one, Placed), isinstance(one, Since))))
    # Some verdicts rest on what differs, and name it already.
    told = judgement.because(Since) or judgement.because(EnvironmentMoved)
    if baseline and baseline.provenance and provenance and not told:
        moved = differences(baseline.provenance, provenance)
        facts.append(sentence(_in_order(Since(moved), used)) if moved else "")
    return facts


def _in_order(reason: Reason, used: Collection[str]) -> Reason:
    """``reason``, with what differs in the order of what probably matters to who ``used`` these packages."""
    if isinstance(reason, (Since, EnvironmentMoved)):
        return replace(reason, differences=told_first(reason.differences, used))
    return reason


def values_of(check: Check) -> list[str]:
    """``now`` and ``baseline``, one under the other."""
    judgement, metric = check.judgement, check.metric
    now, then = number(judgement.value, metric.unit), ""
    if judgement.baseline is not None:
        unit = check.baseline.unit if check.baseline else metric.unit
        if unit == metric.unit:
            then, now = pair(judgement.baseline, judgement.value, unit, tell_apart=not metric.noisy)
        else:
            then = number(judgement.baseline, unit)
    width = max(len(now), len(then))
    facts = [f"now       {now:<{width}}{sample(check)}".rstrip()]
    if then:
        session = check.baseline.accepted if check.baseline else ""
        date = f"  accepted {told_session(session)}" if session else ""
        facts.append(f"baseline  {then:<{width}}{date}".rstrip())
    return facts


def sample(check: Check) -> str:
    """``  median of 3 processes, 131 ms to 138 ms`` for a noisy check measured more than once."""
    if not check.metric.noisy or len(check.measurements) < 2:
        return ""
    found = behind(check)
    values = [one.value for one in counted(found)]
    left_out = len(found) - len(values)
    low, high = pair(min(values), max(values), check.metric.unit, tell_apart=False)
    among = f"median of {len(values)} processes" if len(values) > 1 else "1 process"
    return f"  {among}, {low} to {high}{f'; {left_out} disturbed' if left_out else ''}"


def _gpu(check: Check) -> str:
    """How fast the GPU was, as the last process saw it; empty where nobody told."""
    told = check.measurements[-1].figures if check.measurements else {}
    if (clock := told.get("gpu_clock_mhz")) is None:
        return ""
    more = [
        f"{told[name]} {unit}" for name, unit in (("gpu_temperature_c", "°C"), ("gpu_power_w", "W")) if name in told
    ]
    held = f", limited by: {told['gpu_held_by']}" if "gpu_held_by" in told else ""
    return f"the GPU ran at {', '.join([f'{clock} MHz', *more])}{held}"


def _launching(check: Check) -> str:
    """That a model on an accelerator takes as long as the CPU takes to launch it; empty if it does not."""
    spent_s = launching_s(check)
    if spent_s is None:
        return ""
    return f"the device waits for the CPU, which takes {number(spent_s, 's')} to launch the work"


def _machine(check: Check) -> str:
    """How fast the machine itself was, by the reference workload, and what of that is in the change; empty if unknown.

    Nothing of it is in that of pairs, which run side by side: it is about the two values above.
    """
    time = machine_time(check)
    if time is None:
        return ""
    if abs(time - 1) < SAME_SPEED:
        return "the machine was as fast as for the baseline, by the reference workload"
    rest = "the change above is corrected for that"
    if told_by_pairs(check.judgement):
        rest = "pairs leave that out"
    return f"the machine itself was {speed(time)}, by the reference workload; {rest}"
