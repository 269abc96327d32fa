"""How long sessions of unchanged code take by simulation: processes behind a baseline, and the screen's share of "ok".

Six models that spread as those of the trust trials did on a noisy day, judged by the code that decides. Seconds are
those of `tests/trials/trust.py` on two cores: two processes import side by side.
"""

from __future__ import annotations

import random
import statistics
import sys
from dataclasses import dataclass, field

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.core import noisy
from pytest_modelbench.core.judge import judge
from pytest_modelbench.core.records import Record
from pytest_modelbench.core.verdicts import BaselineView, Duet, Judgement, Procedure
from tests.unit.simulated import DEFAULTS, baseline, record

SESSIONS = 1000
#: Spread between processes and between pairs, in log.
MODELS = {
    "convnext_atto": (0.0137, 0.010),
    "efficientnet_b0": (0.0224, 0.012),
    "mobilenetv3_small_100": (0.0245, 0.012),
    "resnet18": (0.0109, 0.008),
    "resnet50": (0.0065, 0.006),
    "vit_tiny_patch16_224": (0.0070, 0.006),
}
DAY_SD = 0.004
CHECKS_PER_TEST = 2
CONTROLLER_S, IMPORTS_S, TEST_S, WORKTREE_S, TEST_IN_PAIR_S = 1.5, 3.3, 1.05, 1.5, 2.4


@dataclass
class Test:
    """One model's test in one session."""

    process_sd: float
    pair_sd: float
    today: float
    view: BaselineView
    records: list[Record] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)


def test_of(rng: random.Random, process_sd: float, pair_sd: float, processes: int) -> Test:
    """A test of unchanged code, and its baseline of so many processes."""
    then, today = rng.gauss(0, DAY_SD), rng.gauss(0, DAY_SD)
    return Test(
        process_sd, pair_sd, today, baseline(anchor=tuple(then + rng.gauss(0, process_sd) for _ in range(processes)))
    )


def screened(rng: random.Random, test: Test, processes: int) -> Judgement:
    """The screen's judgement once ``processes`` have measured the test."""
    while len(test.records) < processes:
        level = test.today + rng.gauss(0, test.process_sd)
        test.records.append(record(len(test.records) + 1, level=level))
    return judge(test.records, test.view, Procedure(checks=CHECKS_PER_TEST * len(MODELS), confirmed=True), {}, {})


def session_s(rng: random.Random, processes: int) -> tuple[float, int]:
    """Seconds that a session takes, and how many of its tests need a duet."""
    open_tests = [test_of(rng, *spreads, processes) for spreads in MODELS.values()]
    duets: list[Test] = []
    seconds, before = CONTROLLER_S, 0
    for look in DEFAULTS.passes[:-1]:
        if not open_tests:
            break
        seconds += IMPORTS_S + (look - before) * TEST_S * len(open_tests)
        before = look
        judgements = [(test, screened(rng, test, look)) for test in open_tests]
        duets += [test for test, judgement in judgements if judgement.escalated]
        open_tests = [test for test, judgement in judgements if not (judgement.settled or judgement.escalated)]
    left = list(duets)
    seconds += WORKTREE_S if left else 0.0
    for pair in range(1, DEFAULTS.pairs[-1] + 1):
        if not left:
            break
        seconds += IMPORTS_S + TEST_IN_PAIR_S * len(left)
        for test in list(left):
            test.changes.append(rng.gauss(0, test.pair_sd))
            duet = Duet("c", checks=CHECKS_PER_TEST * len(duets), changes=tuple(test.changes), pairs=pair)
            if judge(test.records, test.view, Procedure(checks=12), {}, {}, duet).settled:
                left.remove(test)
    return seconds, len(duets)


def main() -> None:
    machine, found = describe(), []
    for processes in (8, 12, 16):
        for share in (0.5, 0.8):
            noisy.SCREEN_SHARE = share
            rng = random.Random(5)
            sessions = [session_s(rng, processes) for _ in range(SESSIONS)]
            took_s = sorted(seconds for seconds, _ in sessions)
            found.append(
                {
                    "baseline_processes": processes,
                    "screen_share": share,
                    "median_s": round(statistics.median(took_s), 1),
                    "mean_s": round(statistics.fmean(took_s), 1),
                    "nine_in_ten_s": round(took_s[9 * SESSIONS // 10], 1),
                    "duets_a_session": statistics.fmean(duets for _, duets in sessions),
                }
            )
            print(found[-1], flush=True)
    write("session_cost", machine, {"sessions": SESSIONS, "models": MODELS, "day_sd": DAY_SD, "found": found})


if __name__ == "__main__":
    main()
