"""The page of counts, ``docs/faults.md``: what was done, and what came of it."""

from __future__ import annotations

from typing import Any

from tests.trials.machine import ROOT

_PAGE = ROOT / "docs" / "faults.md"
#: What is done in each part, in few words.
_PARTS = {
    "baselines": "Baselines damaged, then a gate in which everything has regressed",
    "results": "Results files damaged, then a command that reads them",
    "kills": "Commands that change baselines, killed, then run again",
    "updates": "Updates of one project, ten at once",
    "workers": "Tests that break their worker, in a regressed session",
    "sessions": "Sessions ended by a signal",
}


def write(faults: dict[str, Any], scale: dict[str, Any]) -> None:
    """Bring the figures of ``results/faults.json`` and ``results/scale.json`` into the page."""
    text = _PAGE.read_text()
    for name, table in (("counts", _counts(faults)), ("scale", _scale(scale))):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n{table}\n{end}{tail}"
    _PAGE.write_text(text)


def _counts(content: dict[str, Any]) -> str:
    lines = ["| what was done | how it ended | times |", "| --- | --- | ---: |"]
    for name, part in content["parts"].items():
        counts = part["counts"]
        total, faults = sum(counts.values()), len(part["faults"])
        lines.append(f"| **{_PARTS[name]}** | **all; faults of ours: {faults}** | **{total:,}** |")
        for kind, count in sorted(counts.items(), key=lambda one: -one[1]):
            lines.append(f"| | {kind} | {count:,} |")
    machine = next(iter(content["parts"].values()))["machine"]
    return "\n".join([*lines, "", f"Seed {content['seed']}, {_told(machine)}."])


def _scale(content: dict[str, Any]) -> str:
    figures, lines = content["figures"], []
    for kind in ("exact", "noisy"):
        rows = figures[kind]
        acts = [act for act in rows[0] if act != "checks"]
        lines += [f"| {kind} checks | {' | '.join(acts)} |", f"| ---: |{' ---: |' * len(acts)}"]
        lines += [f"| {row['checks']:,.0f} | {' | '.join(f'{row[act]:.2f}' for act in acts)} |" for row in rows]
        lines.append("")
    output = figures["output"]
    lines.append(
        f"A session with one test that writes 100 MB took {output['100 MB']:.1f} s, and {output['nothing']:.1f} s "
        f"where it writes nothing. All was {_told(content['machine'])}."
    )
    return "\n".join(lines)


def _told(machine: dict[str, Any]) -> str:
    load = ", ".join(f"{one:.1f}" for one in machine["load_before"])
    where = f"{machine['cpu']}, {machine['cores']} cores, at a load of {load}"
    versions = f"Python {machine['python']} and pytest {machine['versions']['pytest']}"
    return f"measured {machine['date'][:10]} on {where}, with {versions}"
