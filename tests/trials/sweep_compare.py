"""Which figures of the sweep agree, and for what reason others do not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from machine import RESULTS
from sweep_exceptions import EXCEPTIONS, PROVEN

#: Figures that differ by no more agree.
WITHIN = 0.005
PASSES = ("forward", "backward", "step")
Record = Mapping[str, Any]


def apart(ours: float, theirs: float) -> float:
    """How far ``theirs`` is from ours, as a share of ours."""
    return theirs / ours - 1 if ours else (0.0 if not theirs else float("inf"))


def comparisons(record: Record) -> dict[str, float]:
    """By what is compared with what, how far the other figure is from the tool's."""
    found = {what: apart(*record[what]) for what in ("parameters", "macs") if what in record}
    if "macs_fvcore" in record and "macs" in record:
        found["macs fvcore"] = apart(record["macs"][0], record["macs_fvcore"])
    for kind in PASSES:
        if peaks := record.get(kind):
            found |= {f"{kind} {who}": apart(peaks["product"], peaks[who]) for who in ("tracker", "profiler")}
    return found


def deviations(record: Record) -> dict[str, str]:
    """What differs by more than 0.5 %, was raised or was changed, with the cause that the figures themselves prove.

    ``kernels``: what a kernel takes and gives back inside one operator; without it the figures agree. ``attention``:
    with attention taken apart on both sides they agree. ``both``: with both. "?": neither explains it.
    """
    if died := record.get("died"):
        return {"whole": died}
    found = {what: _cause(record, what) for what, share in comparisons(record).items() if abs(share) > WITHIN}
    found |= {f"{what} raised": why for what, why in record["errors"].items() if not _is_missing(what, why)}
    return found | {f"changed by {measure}": ", ".join(what) for measure, what in record.get("changed", {}).items()}


def _is_missing(what: str, why: str) -> bool:
    """Whether this is a counter that is not installed."""
    return what == "fvcore" and why.startswith("ModuleNotFoundError")


def _cause(record: Record, what: str) -> str:
    kind, _, who = what.partition(" ")
    if kind not in PASSES:
        return "?"
    peaks, plain = record[kind], record.get(f"{kind}_plain")
    if who == "profiler" and _agree(peaks, "apart"):
        return "kernels"
    if plain and _agree(plain, who):
        return "attention"
    if plain and who == "profiler" and _agree(plain, "apart"):
        return "both"
    return "?"


def _agree(peaks: Mapping[str, Any], who: str) -> bool:
    return abs(apart(peaks["product"], peaks[who])) <= WITHIN


def reading(record: Record) -> str:
    """One line for the terminal."""
    shares = " ".join(f"{what} {100 * share:+.2f}%" for what, share in comparisons(record).items() if share)
    odd = {what: why[:150] for what, why in deviations(record).items() if why not in ("kernels", "attention", "both")}
    return f"{shares} {odd or ''}"


def records() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The machine, and what was measured."""
    first, *rest = map(json.loads, (RESULTS / "sweep.jsonl").read_text().splitlines())
    return first["machine"], rest


def check() -> list[str]:
    """What is wrong with results or declarations, a line each; nothing if all is well."""
    _, measured = records()
    found = [line for record in measured for line in undeclared(record)]
    known = {record["name"] for record in measured}
    return found + [
        f"{name}: is declared an exception, and was not measured" for name in EXCEPTIONS if name not in known
    ]


def undeclared(record: Record, *, anywhere: bool = False) -> list[str]:
    """Deviations of one model that no exception declares for the reason that is found, and needless exceptions.

    ``anywhere`` leaves out what depends on the processor, whose kernels take what they like, and on what is installed.
    """
    name = record["name"]
    declared, found = dict(EXCEPTIONS.get(name, {})), deviations(record)
    if anywhere:
        declared = {what: reason for what, reason in declared.items() if reason != "kernels" and "fvcore" not in what}
        found = {what: cause for what, cause in found.items() if cause != "kernels" and "fvcore" not in what}
    lines = []
    for what, cause in found.items():
        reason = declared.get(what)
        if reason is None:
            lines.append(f"{name}: {what} deviates, and is no declared exception: {cause}")
        elif cause in PROVEN and reason != cause:
            lines.append(f"{name}: {what} is declared as {reason!r}; the figures prove {cause!r}")
        elif cause not in PROVEN and reason in PROVEN:
            lines.append(f"{name}: {what} is declared as {reason!r}, which the figures do not prove: {cause}")
    return lines + [f"{name}: {what} is a declared exception no more needed" for what in declared if what not in found]
