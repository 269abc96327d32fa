"""How long sessions of unchanged code take by simulation, with other baselines, looks, and shares of the error rate.

Six models that spread as those of the trust trials did on a noisy day (or on a busy host), judged by the code that
decides. Seconds are those of `tests/trials/trust.py` on two cores: both sides of a duet import side by side.
"""

from __future__ import annotations

import random
import statistics
import sys
from dataclasses import replace
from typing import Any

from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.judge import paired, stored
from pytest_modelbench.judge.state import Event
from tests.unit.simulated import DEFAULTS, SimulatedCheck, Spreads

SESSIONS = 1000
#: Spread between processes and between pairs, in log.
Models = dict[str, tuple[float, float]]
MODELS: Models = {
    "convnext_atto": (0.0137, 0.010),
    "efficientnet_b0": (0.0224, 0.012),
    "mobilenetv3_small_100": (0.0245, 0.012),
    "resnet18": (0.0109, 0.008),
    "resnet50": (0.0065, 0.006),
    "vit_tiny_patch16_224": (0.0070, 0.006),
}
DAY_SD = 0.004
#: The same where the host is busy: blocks in spells, whatever the model.
BUSY: Models = dict.fromkeys(MODELS, (0.022, 0.017))
LOOKS = ((2, 4, 6, 9), (2, 5, 9), (3, 6, 9), (3, 5, 7, 9))
DUETS = ((3, 5, 8, 13, 20), (4, 6, 9, 14, 20), (4, 8, 14, 20))
CHECKS_PER_TEST = 2
CONTROLLER_S, IMPORTS_S, TEST_S, WORKTREE_S, TEST_IN_PAIR_S = 1.5, 3.3, 1.05, 1.5, 2.4


def session_s(rng: random.Random, models: Models, settings: Settings) -> tuple[float, int]:
    """Seconds that a session takes, and how many of its tests need a duet."""
    open_tests = [SimulatedCheck(rng, 0.0, Spreads(own, DAY_SD, pair), settings) for own, pair in models.values()]
    duets: list[SimulatedCheck] = []
    seconds, before = CONTROLLER_S, 0
    for look in settings.rounds[:-1]:
        if not open_tests:
            break
        seconds += (look - before) * (IMPORTS_S + TEST_S * len(open_tests))
        before = look
        events = [(test, test.against_stored(look).event) for test in open_tests]
        duets += [test for test, event in events if event is Event.ESCALATED]
        open_tests = [test for test, event in events if event is Event.UNDECIDED]
    left = list(duets)
    seconds += WORKTREE_S if left else 0.0
    for pair in range(1, settings.pairs[-1] + 1):
        if not left:
            break
        seconds += IMPORTS_S + TEST_IN_PAIR_S * len(left)
        events = [(test, test.in_pairs(pair, CHECKS_PER_TEST * len(duets)).event) for test in left]
        left = [test for test, event in events if event is not Event.DECIDED]
    return seconds, len(duets)


def cost(models: Models, settings: Settings) -> dict[str, float]:
    """What many sessions take."""
    rng = random.Random(5)
    sessions = [session_s(rng, models, settings) for _ in range(SESSIONS)]
    took_s = sorted(seconds for seconds, _ in sessions)
    return {
        "median_s": round(statistics.median(took_s), 1),
        "mean_s": round(statistics.fmean(took_s), 1),
        "nine_in_ten_s": round(took_s[9 * SESSIONS // 10], 1),
        "duets_a_session": statistics.fmean(duets for _, duets in sessions),
    }


def main() -> None:
    machine = describe()
    found: list[dict[str, Any]] = []
    for processes in (8, 12, 16):
        for share in (0.5, 0.8):
            stored.STORED_SHARE = paired.STORED_SHARE = share
            settings = replace(DEFAULTS, update_rounds=processes)
            found.append({"baseline_processes": processes, "stored_share": share} | cost(MODELS, settings))
            print(found[-1], flush=True)
    stored.STORED_SHARE = paired.STORED_SHARE = 0.5
    looks: list[dict[str, Any]] = []
    for day, models in (("noisy", MODELS), ("busy host", BUSY)):
        for rounds in LOOKS:
            for pairs in DUETS:
                settings = replace(DEFAULTS, rounds=rounds, pairs=pairs)
                looks.append({"day": day, "rounds": rounds, "pairs": pairs} | cost(models, settings))
                print(looks[-1], flush=True)
    figures = {"sessions": SESSIONS, "models": MODELS, "busy": BUSY, "day_sd": DAY_SD, "found": found, "looks": looks}
    write("session_cost", machine, figures)


if __name__ == "__main__":
    main()
