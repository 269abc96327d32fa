"""The sweep's results as docs/sweep.md shows them: how many figures agree, and a row for each model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from machine import ROOT
from sweep_compare import PASSES, WITHIN, apart, comparisons, deviations, records
from sweep_exceptions import EXCEPTIONS, REASONS

PAGE = ROOT / "docs" / "sweep.md"
BEGIN, END = "<!-- sweep: begin -->\n", "<!-- sweep: end -->\n"
#: What is compared, as the page calls it.
QUANTITIES = {
    "parameters": "parameters, with those of the module itself",
    "macs": "multiply-accumulates, with those counted from shapes",
    "macs fvcore": "multiply-accumulates, with fvcore's",
    **{
        f"{kind} {who}": f"peak of {what}, with {whose}"
        for kind, what in (
            ("forward", "a forward pass"),
            ("backward", "a forward and backward pass"),
            ("step", "the second training step"),
        )
        for who, whose in (("tracker", "the tracker on the CPU"), ("profiler", "PyTorch's profiler on the CPU"))
    },
}
_HEAD = (
    "| family | model | px | parameters | MACs: tool / counted / fvcore | forward peak, MiB: tool / tracker / profiler "
    "| forward and backward | second training step | largest | note |"
)


def write_table() -> None:
    """Put the results between the marks of the page."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + generated() + END + after)


def generated() -> str:
    """What the page holds between its marks."""
    machine, measured = records()
    versions: Any = machine["versions"]
    where = f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}, torch {versions['torch']}, timm "
    where += f"{versions['timm']}; begun {str(machine['date'])[:10]}."
    families = {record["family"] for record in measured if "family" in record} - {"by hand"}
    by_hand = sum(record.get("family") == "by hand" for record in measured)
    count = f"{len(measured) - by_hand} models of {len(families)} families of timm, {by_hand} modules made by hand."
    notes, letters = _notes()
    return "\n".join([
        "", f"{where} {count}", "", *_summary(measured), "", *notes, "", _HEAD, "|" + " --- |" * 10,
        *(_row(record, letters) for record in measured), "",
    ])  # fmt: skip


def _summary(measured: list[Mapping[str, Any]]) -> Iterable[str]:
    yield f"| compared | models | equal within {100 * WITHIN:g} % | to the byte | farther, and why |"
    yield "| --- | --- | --- | --- | --- |"
    shares = [comparisons(record) for record in measured]
    for what, name in QUANTITIES.items():
        found = [share[what] for share in shares if what in share]
        within = sum(abs(share) <= WITHIN for share in found)
        reasons = Counter(EXCEPTIONS.get(record["name"], {}).get(what, "?") for record in measured
                          if abs(comparisons(record).get(what, 0)) > WITHIN)  # fmt: skip
        why = ", ".join(f"{number} *{reason}*" for reason, number in reasons.most_common())
        yield f"| {name} | {len(found)} | {within} | {sum(share == 0 for share in found)} | {why} |"
    untouched = sum("changed" in record and not record["changed"] for record in measured)
    yield f"| weights, buffers, inputs, modes and outputs after six measures | {len(measured)} | {untouched} | | |"


def _notes() -> tuple[list[str], dict[str, str]]:
    """Each reason that is used, and the letter that the rows have for it."""
    used = [reason for reason in REASONS if any(reason in declared.values() for declared in EXCEPTIONS.values())]
    letters = {reason: chr(ord("a") + index) for index, reason in enumerate(used)}
    return [f"- **{letters[reason]}** *{reason}*: {REASONS[reason]}" for reason in used], letters


def _row(record: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    if "died" in record:
        return f"| | {record['name']} | | | | | | | | {record['died']} |"
    largest = max((abs(share) for share in comparisons(record).values()), default=0.0)
    parameters = "{:,}".format(record["parameters"][0]) if "parameters" in record else "–"
    declared = EXCEPTIONS.get(record["name"], {})
    notes = sorted({letters[declared[what]] for what in deviations(record) if what in declared})
    peaks = " | ".join(_peaks(record.get(kind)) for kind in PASSES)
    return (
        f"| {record['family']} | {record['name']} | {record['size']} | {parameters} | {_macs(record)} | {peaks} | "
        f"{100 * largest:.1f} % | {' '.join(notes)} |"
    )


def _macs(record: Mapping[str, Any]) -> str:
    if "macs" not in record:
        return "–"
    ours, counted = record["macs"]
    traced = _share(ours, record["macs_fvcore"]) if "macs_fvcore" in record else "–"
    return f"{ours / 1e6:,.2f} M / {_share(ours, counted)} / {traced}"


def _peaks(peaks: Mapping[str, Any] | None) -> str:
    if peaks is None:
        return "–"
    ours = peaks["product"]
    return f"{ours / 2**20:,.2f} / {_share(ours, peaks['tracker'])} / {_share(ours, peaks['profiler'])}"


def _share(ours: int, theirs: int) -> str:
    """``=`` for the same number, how far it is otherwise."""
    if ours == theirs:
        return "="
    return f"{100 * apart(ours, theirs):+.2f} %" if ours else f"{theirs:,}"
