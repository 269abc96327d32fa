"""The page of counts, ``docs/faults.md``: what was done, and what came of it."""

from __future__ import annotations

from typing import Any

from tests.trials.machine import ROOT

_PAGE = ROOT / "docs" / "faults.md"
_BEGIN, _END = "<!-- counts -->", "<!-- end of counts -->"
#: What is done in each part, in few words.
_PARTS = {
    "baselines": "Baselines damaged, then a gate in which everything has regressed",
    "results": "Results files damaged, then a command that reads them",
    "kills": "Commands that change baselines, killed, then run again",
    "updates": "Updates of one project, ten at once",
    "workers": "Tests that break their worker, in a regressed session",
    "sessions": "Sessions ended by a signal",
}


def write(content: dict[str, Any]) -> None:
    """Bring the counts of ``results/faults.json`` into the page."""
    text = _PAGE.read_text()
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    _PAGE.write_text(f"{head}{_BEGIN}\n{_table(content)}\n{_END}{tail}")


def _table(content: dict[str, Any]) -> str:
    lines = ["| what was done | how it ended | times |", "| --- | --- | ---: |"]
    for name, part in content["parts"].items():
        counts = part["counts"]
        total, faults = sum(counts.values()), len(part["faults"])
        lines.append(f"| **{_PARTS[name]}** | **all; faults of ours: {faults}** | **{total:,}** |")
        for kind, count in sorted(counts.items(), key=lambda one: -one[1]):
            lines.append(f"| | {kind} | {count:,} |")
    machine = next(iter(content["parts"].values()))["machine"]
    versions = machine["versions"]
    return "\n".join(lines) + (
        f"\n\nSeed {content['seed']}, {machine['date'][:10]}, {machine['cpu']}, {machine['cores']} cores, Python "
        f"{machine['python']}, pytest {versions['pytest']}."
    )
