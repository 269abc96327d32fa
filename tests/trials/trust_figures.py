"""What the series of `trust.py` amount to: the tables and the picture of docs/trust-earlier.md.

    python tests/trials/trust_figures.py [results/trust-<machine> ...]

Prints Markdown, and writes ``docs/trust-<machine>.svg``, named after the first of several series: unchanged code is
that one's, real changes are counted together. Intervals are exact binomial ones (Clopper and Pearson).
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import RESULTS, ROOT
from scipy.stats import binomtest

Session = dict[str, Any]
KINDS = {"quiet": "quiet", "load": "one core half busy"}
#: How a session of each tool ends in an alarm.
ALARMS: dict[str, Callable[[Session], bool]] = {
    "pytest-modelbench": lambda one: "regressed" in _verdicts(one["ours"]),
    "pytest-benchmark, min:5%": lambda one: bool(one["pytest_benchmark"]["failed"]["min"]),
    "pytest-benchmark, median:5%": lambda one: bool(one["pytest_benchmark"]["failed"]["median"]),
    "median of 20 > 1.05 x stored": lambda one: bool(one["plain"]["failed"]),
}
WALLS = {
    "pytest-modelbench": "ours",
    "pytest-benchmark, min:5%": "pytest_benchmark",
    "median of 20 > 1.05 x stored": "plain",
}
#: What an unchanged session may take, in times of pytest-benchmark's.
GOAL = 3
VERDICTS = ("regressed", "inconclusive", "ok", "improved")


@dataclass(frozen=True)
class Share:
    """``count`` of ``total``, with its exact 95 % interval."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        bounds = binomtest(self.count, self.total).proportion_ci(0.95, method="exact")
        return float(bounds.low), float(bounds.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.count} of {self.total} ({100 * low:.0f}-{100 * high:.0f} %)"


def main() -> None:
    folders = [Path(argument) for argument in sys.argv[1:]] or sorted(RESULTS.glob("trust-*"))[:1]
    unchanged = _lines(folders[0] / "aa.jsonl")
    truth, slow = (
        [line for folder in folders for line in _lines(folder / f"{name}.jsonl")] for name in ("truth", "slow")
    )
    alarms = {
        kind: {tool: _share(unchanged, kind, alarm) for tool, alarm in ALARMS.items()}
        for kind in KINDS
        if any(one["kind"] == kind for one in unchanged)
    }
    for kind, shares in alarms.items():
        _print_unchanged(kind, [one for one in unchanged if one["kind"] == kind], shares)
    _print_steps(unchanged)
    sizes = _sizes(truth)
    found = {name: Counter(_verdict(one["ours"]) for one in slow if one["variant"] == name) for name in sizes}
    found = {name: counts for name, counts in found.items() if counts}
    _print_found(sizes, found, slow)
    if alarms:
        path = ROOT / "docs" / f"{folders[0].name}.svg"
        path.write_text(_picture(alarms, [(sizes[name][0], found[name]) for name in found]))
        print(f"\n{path.relative_to(ROOT)}", file=sys.stderr)


def _lines(path: Path) -> list[Session]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _verdicts(session: Session) -> set[str]:
    return {check["verdict"] for check in session["checks"].values()}


def _verdict(session: Session) -> str:
    """The verdict on the one timing of a session, of which latency and throughput are two views; the worse of both."""
    return next(verdict for verdict in VERDICTS if verdict in _verdicts(session))


def _share(sessions: Sequence[Session], kind: str, alarm: Callable[[Session], bool]) -> Share:
    told = [alarm(one) for one in sessions if one["kind"] == kind]
    return Share(sum(told), len(told))


def _print_unchanged(kind: str, sessions: Sequence[Session], shares: dict[str, Share]) -> None:
    checks = [check for one in sessions for check in one["ours"]["checks"].values()]
    peer_s = statistics.median(one["pytest_benchmark"]["wall_s"] for one in sessions)
    print(f"\nUnchanged code, {KINDS[kind]}: {len(sessions)} sessions of {len(checks) // len(sessions)} checks\n")
    print("| | sessions with a false alarm (95 %) | wall, median and quartiles |\n| --- | --- | --- |")
    for tool, share in shares.items():
        walls = [one[WALLS[tool]]["wall_s"] for one in sessions] if tool in WALLS else []
        told = f"{statistics.median(walls):.0f} s, {_quartiles(walls)}" if walls else ""
        print(f"| {tool} | {share} | {told} |")
    verdicts = Counter(check["verdict"] for check in checks)
    open_sessions = sum("inconclusive" in _verdicts(one["ours"]) for one in sessions)
    duets = sum(check["pairs"] > 0 for check in checks)
    ratio = statistics.median(one["ours"]["wall_s"] / one["pytest_benchmark"]["wall_s"] for one in sessions)
    print(
        f"\nOur checks: {dict(verdicts)}; by duet {duets} of {len(checks)}; inconclusive in {open_sessions} sessions."
    )
    kept = sum(one["ours"]["wall_s"] <= GOAL * one["pytest_benchmark"]["wall_s"] for one in sessions)
    print(f"Cost: {ratio:.1f} times pytest-benchmark's ({peer_s:.0f} s), in the median; {kept} within {GOAL} times.")


def _print_steps(sessions: Sequence[Session]) -> None:
    """What a session took, by how far it had to go for its least certain checks."""
    walls: dict[str, list[float]] = {}
    for one in sessions:
        checks = one["ours"]["checks"].values()
        models = sum(check["pairs"] > 0 for check in checks) // 2  # latency and throughput of each
        duet = "one" if models == 1 else "two or three" if models <= 3 else "four to six"
        how = f"a duet of {duet}" if models else f"{max(check['processes'] for check in checks)} processes"
        walls.setdefault(how, []).append(one["ours"]["wall_s"])
    print("\n| settled by | sessions | wall, median |\n| --- | --- | --- |")
    for how, found in sorted(walls.items(), key=lambda item: statistics.median(item[1])):
        print(f"| {how} | {len(found)} | {statistics.median(found):.0f} s |")


def _quartiles(walls: Sequence[float]) -> str:
    if len(walls) < 2:
        return "-"
    low, _, high = statistics.quantiles(walls, n=4, method="inclusive")
    return f"{low:.0f}-{high:.0f}"


def _sizes(truth: Sequence[Session]) -> dict[str, tuple[float, float]]:
    """True size of each variant and its standard error, both as shares, in the order of size."""
    found: dict[str, list[float]] = {}
    for one in truth:
        found.setdefault(one["variant"], []).append(one["log_ratio"])
    sizes = {
        name: (math.expm1(statistics.fmean(logs)), statistics.stdev(logs) / math.sqrt(len(logs)))
        for name, logs in found.items()
        if len(logs) > 1
    }
    return dict(sorted(sizes.items(), key=lambda item: item[1][0]))


def _print_found(
    sizes: dict[str, tuple[float, float]], found: dict[str, Counter[str]], slow: Sequence[Session]
) -> None:
    print("\n| change | true size | regressed | inconclusive | ok | improved | estimate, mean | wall, median |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, counts in found.items():
        sessions = [one for one in slow if one["variant"] == name]
        size, error = sizes[name]
        total = sum(counts.values())
        seen = statistics.fmean(
            math.log(check["ratio"])
            for one in sessions
            for key, check in one["ours"]["checks"].items()
            if key.endswith("::latency")
        )
        wall = statistics.median(one["ours"]["wall_s"] for one in sessions)
        cells = " | ".join(str(Share(counts[verdict], total)) if counts[verdict] else "0" for verdict in VERDICTS)
        print(
            f"| {name} ({sessions[0]['model']}) | {size:+.1%} +-{2 * error:.1%} | {cells} | {math.expm1(seen):+.1%} "
            f"| {wall:.0f} s |"
        )


# --- the picture

_WIDTH, _ROW, _LEFT = 860, 22, 250
_SCALE = 520  # pixels for a share of 1
_COLOURS = {"regressed": "#c2410c", "inconclusive": "#d4a72c", "ok": "#2f855a", "improved": "#2b6cb0"}


def _picture(alarms: dict[str, dict[str, Share]], found: Sequence[tuple[float, Counter[str]]]) -> str:
    """Shares of sessions with a false alarm, and below what becomes of real changes, as SVG."""
    shapes: list[str] = []
    y = 26
    for kind, shares in alarms.items():
        total = next(iter(shares.values())).total
        shapes.append(_text(12, y, f"Unchanged code, {KINDS[kind]}: share of {total} sessions with an alarm", "bold"))
        y += 12
        for tool, share in shares.items():
            y += _ROW
            low, high = share.interval
            colour = "#2b6cb0" if tool == "pytest-modelbench" else "#9ca3af"
            shapes.append(_text(_LEFT - 10, y, tool, anchor="end"))
            shapes.append(_bar(_LEFT, y, max(2.0, share.value * _SCALE), colour))
            shapes.append(_line(_LEFT + low * _SCALE, _LEFT + high * _SCALE, y - 5))
            shapes.append(_text(_LEFT + high * _SCALE + 8, y, f"{share.value:.0%}"))
        y += 38
    if found:
        sessions = " or ".join(str(total) for total in sorted({sum(counts.values()) for _, counts in found}))
        shapes.append(_text(12, y, f"Real changes, as commits: verdicts of {sessions} sessions each", "bold"))
        x = _LEFT
        for verdict, colour in _COLOURS.items():
            shapes.append(_bar(x, y + 20, 10, colour) + _text(x + 16, y + 20, verdict))
            x += 130
        y += 30
        for size, counts in found:
            y += _ROW
            shapes.append(_text(_LEFT - 10, y, f"truly {size:+.1%}", anchor="end"))
            x_share, total = 0.0, sum(counts.values())
            for verdict, colour in _COLOURS.items():
                width = counts[verdict] / total
                if width:
                    shapes.append(_bar(_LEFT + x_share * _SCALE, y, width * _SCALE, colour))
                x_share += width
        y += 24
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
        f'font-family="system-ui, sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, words: str, weight: str = "normal", anchor: str = "start") -> str:
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<text x="{x:.0f}" y="{y}" font-weight="{weight}" text-anchor="{anchor}" fill="#1f2937">{escaped}</text>'


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y - 12}" width="{width:.1f}" height="14" fill="{colour}"/>'


def _line(start: float, end: float, y: float) -> str:
    return f'<path d="M{start:.1f} {y} H{end:.1f}" stroke="#1f2937" stroke-width="1.5"/>'


if __name__ == "__main__":
    main()
