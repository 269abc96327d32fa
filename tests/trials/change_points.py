"""How often is a change found in a series that has none, how soon and where one that is there? Ours, and others'.

    python tests/trials/change_points.py

Nights of six models are made of those that were measured (``results/trust-*/aa.jsonl``; for ours also of the noisier
``calm-*/aa.jsonl``): whole ones, drawn one by one or in runs of five, so that what models share in a night and from one
night to the next stays. Each method looks anew each night, at all nights so far; ours also at each series by itself. A
point counts as false the first night that it is reported; within five nights of another it is the same. Beside ours:
Apache Otava's E-divisive (`compute_change_points`, defaults), asv's step detection (defaults), and PELT of ruptures
(means, BIC's penalty and thrice that, the spread by steps from night to night). These need `pip install apache-otava
asv json5 ruptures`; without them ours alone is tried. Raw in ``results/change_points.json``; goes on where it was
stopped.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import metadata
from itertools import pairwise
from statistics import fmean, median, stdev

from machine import RESULTS, ROOT, describe

sys.path.insert(0, str(ROOT))
from pytest_modelbench.judge.change_points import Course, change_points

Nights = list[list[float | None]]
Method = Callable[[Sequence[Sequence[float | None]]], list[list[int]]]
#: Sessions of one kind on one machine that make a world to draw from.
LEAST_SESSIONS = 10
LENGTH = 100
WITHIN, NEAR = 5, 5
STEPS = (0.01, 0.02, 0.03, 0.05)
#: Spreads of a series, in logs, by which figures are told apart.
QUIET, NOISY = 0.015, 0.02
#: Unchanged series, and series with a step, that each method is shown: what it takes bounds the others.
UNCHANGED = {"ours": 200, "ours, each series by itself": 60}
STEPPED = {"ours": 1500, "ours, each series by itself": 600}
FEWER = 15, 150


def worlds(which: str) -> list[list[list[float]]]:
    """Sessions of unchanged code, each a list of log times by model, of which the mean is taken out."""
    found = []
    for path in sorted(RESULTS.glob(f"{which}-*/aa.jsonl")):
        by_kind = defaultdict(list)
        for line in path.read_text().splitlines():
            session = json.loads(line)
            by_kind[session.get("set"), session["kind"]].append(_times(session["ours"]["checks"]))
        for sessions in by_kind.values():
            models = sorted(set.intersection(*map(set, sessions)))
            if len(sessions) >= LEAST_SESSIONS and len(models) >= 2:
                means = {model: fmean(one[model] for one in sessions) for model in models}
                found.append([[one[model] - means[model] for model in models] for one in sessions])
    return found


def _times(checks: dict | list) -> dict[str, float]:
    """What a series holds of each model: the change since the baseline, or the log ratios of the processes."""
    if isinstance(checks, dict):
        latencies = {name: one["ratio"] for name, one in checks.items() if name.endswith("latency")}
        return {name: math.log(ratio) for name, ratio in latencies.items() if ratio}
    latencies = {one["test"]: one["measured"] for one in checks if one["name"] == "latency" and one["measured"]}
    undisturbed = {name: [row for row in rows if not row[6]] or rows for name, rows in latencies.items()}
    return {name: fmean(row[2] for row in rows) for name, rows in undisturbed.items()}


def nights(drawn: random.Random, world: Sequence[list[float]], count: int, run: int) -> Nights:
    """So many nights of ``world``, in runs of so many that followed each other."""
    made: Nights = []
    while len(made) < count:
        start = drawn.randrange(len(world))
        made += [list(world[(start + more) % len(world)]) for more in range(run)]
    return made[:count]


def ours(series: Sequence[Sequence[float | None]]) -> list[list[int]]:
    courses = [
        Course(str(number), {str(night): value for night, value in enumerate(one) if value is not None})
        for number, one in enumerate(series)
    ]
    found = change_points(courses)
    kept = [list(course.values) for course in courses]
    return [[int(names[point.at]) for point in points] for names, points in zip(kept, found, strict=True)]


def alone(series: Sequence[Sequence[float | None]]) -> list[list[int]]:
    """Ours, of each series by itself: nothing tells how the machine was."""
    return [ours([one])[0] for one in series]


def each(method: Callable[[list[float]], list[int]]) -> Method:
    """A method that looks at one series, on several; it is not shown missing nights."""

    def all_of(series: Sequence[Sequence[float | None]]) -> list[list[int]]:
        found = []
        for one in series:
            there = [night for night, value in enumerate(one) if value is not None]
            values = [one[night] for night in there]
            found.append([there[at] for at in method(values)] if len(values) > 3 else [])
        return found

    return all_of


def otava(values: list[float]) -> list[int]:
    from otava.analysis import compute_change_points

    points, _ = compute_change_points([math.exp(value) for value in values])
    return [point.index for point in points]


def asv(values: list[float]) -> list[int]:
    from asv.step_detect import detect_steps

    return [left for left, *_ in detect_steps([math.exp(value) for value in values])[1:]]


def pelt(values: list[float], penalties: int = 1) -> list[int]:
    """By the kernel that comes to squared distances from means; it is the one that is compiled."""
    import numpy
    import ruptures

    steps = [abs(later - earlier) for earlier, later in pairwise(values)]
    spread = 1.4826 * median(steps) / math.sqrt(2) or 1e-9
    fitted = ruptures.KernelCPD(kernel="linear", min_size=2, jump=1).fit(numpy.array(values) / spread)
    return [int(at) for at in fitted.predict(pen=penalties * 2 * math.log(len(values)))[:-1]]


#: By the name of their distribution.
PACKAGES = {"apache-otava": otava, "asv": asv, "ruptures": pelt}


def _there(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


def methods() -> dict[str, Method]:
    """Those that are installed, one of them also with another penalty than its usual one."""
    severe = {"ruptures, thrice the penalty": each(partial(pelt, penalties=3))} if _there("ruptures") else {}
    others = {name: each(one) for name, one in PACKAGES.items() if _there(name)}
    return {"ours": ours, "ours, each series by itself": alone, **others, **severe}


def columns(made: Nights, until: int) -> list[list[float | None]]:
    return [list(one) for one in zip(*made[:until], strict=True)]


def unchanged(method: Method, shown: list[list[list[float]]], count: int, run: int, change: str) -> dict[str, object]:
    """False change points of series without a change, as looked at every night."""
    drawn, false, looked = random.Random(2), 0, 0
    for _ in range(count):
        made = nights(drawn, drawn.choice(shown), LENGTH, run)
        spoil(drawn, made, change)
        seen: dict[int, set[int]] = defaultdict(set)
        for until in range(4, LENGTH + 1):
            for number, points in enumerate(method(columns(made, until))):
                for at in points:
                    false += not any(abs(at - other) <= NEAR for other in seen[number])
                    seen[number].add(at)
        looked += LENGTH * len(made[0])
    return {"series_nights": looked, "false": false, "false_per_1000": 1000 * false / looked}


def spoil(drawn: random.Random, made: Nights, change: str) -> None:
    """Make nights what they may be: far off by themselves, or missing."""
    for night in made:
        for number in range(len(night)):
            if change == "outliers" and drawn.random() < 0.05:
                night[number] += drawn.choice((-0.1, 0.1, 0.2))
            if change == "missing" and drawn.random() < 0.2:
                night[number] = None


def stepped(
    method: Method, shown: list[list[list[float]]], count: int, run: int, step: float, change: str
) -> dict[str, object]:
    """How often a step of one model is found within five nights, and its night; with ``change`` "machine" of all."""
    drawn, found = random.Random(3), []
    for _ in range(count):
        world = drawn.choice(shown)
        number, first = drawn.randrange(len(world[0])), drawn.randrange(30, 90)
        made = nights(drawn, world, first + WITHIN, run)
        for night in made[first:]:
            for one in range(len(night)):
                if one == number:
                    night[one] += step
                elif change == "machine":
                    night[one] += step * (0.7 + 0.1 * one)
        spoil(drawn, made[:first], change)
        sd = stdev(session[number] for session in world)
        found.append((sd, *_found(method, made, number, first)))
    told = {"all": lambda sd: True, "sd <= 1.5%": lambda sd: sd <= QUIET, "1.5-2%": lambda sd: QUIET < sd <= NOISY,
            "sd > 2%": lambda sd: sd > NOISY}  # fmt: skip
    return {name: _rates([row[1:] for row in found if chosen(row[0])]) for name, chosen in told.items()}


def _found(method: Method, made: Nights, number: int, first: int) -> tuple[int | None, int | None]:
    """After how many nights of a new level it is found, and how far off its night is then."""
    for after in range(1, WITHIN + 1):
        points = [at for at in method(columns(made, first + after))[number] if abs(at - first) <= NEAR]
        if points:
            return after, min(abs(at - first) for at in points)
    return None, None


def _rates(rows: list[tuple[int | None, int | None]]) -> dict[str, object]:
    there = [(after, off) for after, off in rows if after is not None]
    near = sum(off <= 1 for _, off in there)
    return {
        "series": len(rows),
        "found": len(there) / len(rows) if rows else None,
        "night_exact_or_next_of_found": near / len(there) if there else None,
        "night_exact_or_next_of_all": near / len(rows) if rows else None,
        "nights_until_found": fmean(after for after, _ in there) if there else None,
    }


def drifting(method: Method, shown: list[list[list[float]]], count: int, run: int) -> dict[str, object]:
    """A rise of 0.1 % a night for fifty nights: how far it is when it is told, where it is."""
    drawn, risen = random.Random(4), []
    for _ in range(count // 5):
        world = drawn.choice(shown)
        number, first = drawn.randrange(len(world[0])), drawn.randrange(30, 60)
        made = nights(drawn, world, first + 50, run)
        for more, night in enumerate(made[first:], 1):
            night[number] += 0.001 * more
        told = (
            more for more in range(5, 51, 3)
            if any(at >= first - NEAR for at in method(columns(made, first + more))[number])
        )  # fmt: skip
        risen.append(next(told, None))
    there = [0.001 * more for more in risen if more]
    return {"series": len(risen), "found": len(there) / len(risen), "risen_when_found": fmean(there) if there else None}


def cells(name: str) -> Iterator[tuple[str, Callable[[Method], dict[str, object]]]]:
    """What a method is tried on, by the name it has in the results."""
    calm, steps = UNCHANGED.get(name, FEWER[0]), STEPPED.get(name, FEWER[1])
    pools = {which: worlds(which) for which in (("trust", "calm") if name == "ours" else ("trust",))}
    for which, shown in pools.items():
        for run in (1, 5) if which == "trust" else (1,):
            said = f"{which}, {'nights' if run == 1 else 'runs of five nights'}"
            for change in ("none", "outliers", "missing") if run == 1 else ("none",):
                yield (
                    f"{said}, unchanged, {change}",
                    lambda method, a=(shown, calm, run, change): unchanged(method, *a),
                )
            for step in STEPS if run == 1 else (0.03,):
                yield f"{said}, {step:.0%}", lambda method, a=(shown, steps, run, step, "none"): stepped(method, *a)
            for change in ("missing", "machine") if run == 1 else ():
                yield f"{said}, 3%, {change}", lambda method, a=(shown, steps, run, 0.03, change): stepped(method, *a)
            if run == 1:
                yield f"{said}, drift", lambda method, a=(shown, steps, run): drifting(method, *a)


def main() -> None:
    path = RESULTS / "change_points.json"
    found = json.loads(path.read_text())["figures"] if path.exists() else {}
    machine = describe() | {"others": {name: metadata.version(name) for name in PACKAGES if _there(name)}}
    for name, method in methods().items():
        for cell, tried in cells(name):
            if cell not in found.setdefault(name, {}):
                start = time.perf_counter()
                found[name][cell] = tried(method)
                path.write_text(json.dumps({"machine": machine, "figures": found}, indent=1) + "\n")
                print(
                    f"{name}: {cell}: {time.perf_counter() - start:.0f} s {json.dumps(found[name][cell])}", flush=True
                )


if __name__ == "__main__":
    main()
