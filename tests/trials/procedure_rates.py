"""How often the procedure errs, and what it costs, by simulation: the code that decides, on noise of known spreads.

One model of a session changed: by nothing, half the band, the band, or twice the band. Days differ by 0.5 to 3 %, and
models by how far they do; sessions of one test know nothing of that but by their nights, those of six learn from each
other. And duets alone, judged by what each check's own pairs tell, and by what those of the others tell besides.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections import Counter
from itertools import product

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.judge.estimate import paired, spent
from pytest_modelbench.judge.procedure import ALPHA
from pytest_modelbench.judge.spread import UNKNOWN, Others, of_sample
from tests.unit.simulated import EDGES, Spreads, session

SESSIONS = 600
CHANGES = {"none": 0.0, "half the band": EDGES.ignore_below, "the band": EDGES.fail_above, "+10%": 0.0953}
DAYS = (0.005, 0.01, 0.02, 0.03)
PROCESSES_AND_PAIRS = ((0.01, 0.007), (0.02, 0.01))
#: How far models differ in their spreads: a standard deviation in log.
UNLIKE = 0.4
DUETS = 2000
LOOKS = ((3, 5, 8, 13, 20), (2, 3, 5, 8, 13, 20))


def main() -> None:
    machine = describe()
    found = []
    for tests, nights, (process, pair), day in product((1, 6), (0, 10), PROCESSES_AND_PAIRS, DAYS):
        for change, truth in CHANGES.items():
            rng, spreads = random.Random(1), Spreads(process, day, pair)
            ended = [
                session(rng, [truth] + [0.0] * (tests - 1), spreads, nights=nights, unlike=UNLIKE)[0]
                for _ in range(SESSIONS)
            ]
            found.append(
                {
                    "tests": tests,
                    "nights": nights,
                    "process_sd": process,
                    "day_sd": day,
                    "pair_sd": pair,
                    "change": change,
                    "verdicts": Counter(one.verdict.value for one in ended),
                    "processes": statistics.fmean(one.processes for one in ended),
                    "in_a_duet": sum(one.pairs > 0 for one in ended),
                    "pairs": statistics.fmean(one.pairs for one in ended),
                }
            )
            print(found[-1], flush=True)
    duets = [duet(looks, tests, sd) for looks in LOOKS for tests in (1, 3, 8) for sd in (0.005, 0.01, 0.02)]
    write("procedure_rates", machine, {"sessions": SESSIONS, "unlike": UNLIKE, "found": found, "duets": duets})


def duet(looks: tuple[int, ...], tests: int, sd: float) -> dict[str, object]:
    """What duets of so many tests come to, whose pairs spread by ``sd``; by their own pairs alone, and together."""
    told: dict[str, object] = {"looks": looks, "tests": tests, "pair_sd": sd}
    for together in (False, True):
        for change, truth in CHANGES.items():
            rng = random.Random(2)
            ended = [_duet(rng, truth, looks, tests, sd, together=together) for _ in range(DUETS)]
            told[f"{change}, {'together' if together else 'alone'}"] = {
                "ok": sum(verdict == "ok" for verdict, _ in ended) / DUETS,
                "regressed": sum(verdict == "regressed" for verdict, _ in ended) / DUETS,
                "pairs": statistics.fmean(pairs for _, pairs in ended),
            }
    print(told, flush=True)
    return told


def _duet(
    rng: random.Random, truth: float, looks: tuple[int, ...], tests: int, sd: float, *, together: bool
) -> tuple[str, int]:
    spreads = [sd * math.exp(rng.gauss(0, UNLIKE)) for _ in range(tests)]
    drawn = [
        [rng.gauss(truth if number == 0 else 0.0, one) for _ in range(looks[-1])] for number, one in enumerate(spreads)
    ]
    for look in looks:
        others = Others()
        for number in range(1, tests):
            others.show(str(number), "latency", 0.0, of_sample(drawn[number][:look]))
        change = paired(drawn[0][:look], others.expected("0", 0.0) if together else UNKNOWN)
        if change.upper(spent(ALPHA / 2, looks, look)) < EDGES.fail_above:
            return "ok", look
        if change.lower(spent(ALPHA / (2 * tests), looks, look)) > EDGES.ignore_below:
            return "regressed", look
    return "open", looks[-1]


if __name__ == "__main__":
    main()
