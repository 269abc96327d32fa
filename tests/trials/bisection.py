"""Whether a bisection finds the commit that is to blame, how often it is wrong, and what it takes.

    python tests/trials/bisection.py             simulated searches
    python tests/trials/bisection.py real [N]    N searches (3) of a repository of 64 commits, of which one makes a
                                                 model 10 % slower, and one of exact values; resumes

Simulated: 64 commits, one planted change at a random one, by the code that decides. Pairs spread as those of the
committed series do: by what the interval of each check that a duet judged says of its pairs, one such spread for each
search, with one pair in twenty four times as far out. Raw in ``results/bisection.json``, and ``.jsonl`` of real ones.
"""

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import fmean, median, quantiles

from machine import RESULTS, describe, write

from pytest_modelbench.core.bisection import Ended
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.judge.bisection import Sought, TimesSearch
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.spread import MOST_OF_OTHERS
from pytest_modelbench.judge.student import t_quantile

COMMITS, SEARCHES, OUTLIERS, FARTHER = 64, 2000, 0.05, 4.0
CHANGES = {
    "+10 %": math.log(1.10),
    "+20 %": math.log(1.20),
    "+7 %": math.log(1.07),
    "-10 %": -math.log(1.10),
    "none": 0.0,
}
NETS = """from torch import nn


def net(blocks={blocks}):
    body = [nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()) for _ in range(blocks)]
    return nn.Sequential(nn.Conv2d(3, 32, 3, stride=2), *body)
"""
TEST = """import pytest
from nets import net


@pytest.mark.modelbench
def test_net(build_model, modelbench):
    model = build_model(net, image_size=128)
    modelbench.latency(model)
    modelbench.cost(model)
"""


def spreads():
    """Standard deviations of single pairs, in log, that the intervals of duets in the committed series tell of."""
    found = []
    for file in sorted([*RESULTS.glob("trust-*/*.jsonl"), *RESULTS.glob("calm-*/*.jsonl")]):
        for line in file.read_text().splitlines():
            checks = json.loads(line).get("ours", {}).get("checks", {})
            for check in checks.values() if isinstance(checks, dict) else ():
                pairs = check.get("pairs", 0)
                if pairs > 1 and check.get("low_ratio") and check["high_ratio"] > check["low_ratio"]:
                    half = math.log(check["high_ratio"] / check["low_ratio"]) / 2
                    found.append(half / t_quantile(0.975, pairs - 1 + MOST_OF_OTHERS) * math.sqrt(pairs))
    return found


def searched(drawn, change, sd):
    """The commit that was to blame, the answer, and the pairs that it took."""
    at, pairs = drawn.randint(1, COMMITS), 0
    search = TimesSearch(COMMITS, Sought(Edges.of_band(0.05), Better.LOWER), Settings().pairs)
    while (wanted := search.wants()) is not None:
        error = drawn.gauss(0, sd) * (FARTHER if drawn.random() < OUTLIERS else 1.0)
        search.tell(wanted, change * (wanted >= at) + error)
        pairs += 1
    return at, search.answer(), pairs


def simulated():
    known, drawn = spreads(), random.Random(0)
    cuts = quantiles(known, n=20)
    found = {"spreads": {"series": len(known), "median": median(known), "5 %": cuts[0], "95 %": cuts[-1]}}
    for name, change in CHANGES.items():
        outcomes, taken, right = Counter(), [], 0
        for _ in range(SEARCHES):
            at, answer, pairs = searched(drawn, change, drawn.choice(known))
            taken.append(pairs)
            outcomes[answer.ended.value] += 1
            if answer.ended is Ended.FOUND:
                right += answer.bad == at
                outcomes["another commit"] += answer.bad != at
            elif answer.ended is Ended.BETWEEN:
                outcomes["range without it"] += not answer.good < at <= answer.bad
        found[name] = {
            "searches": SEARCHES, "right": right / SEARCHES, "ended": dict(outcomes), "pairs_mean": fmean(taken),
            "pairs_median": median(taken), "pairs_most": max(taken),
        }  # fmt: skip
    write("bisection", describe(), found)


def git(folder, *arguments):
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def planted(folder, at):
    """A repository of so many commits after the first, of which number ``at`` adds a block to ten."""
    git(folder, "init", "--quiet")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.modelbench]\n")
    (folder / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    (folder / "test_it.py").write_text(TEST)
    for number in range(COMMITS + 1):
        blocks = 11 if number >= at else 10
        (folder / "nets.py").write_text(f"{NETS.format(blocks=blocks)}\n\nNUMBER = {number}\n")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"commit {number}")


def real(times):
    path = RESULTS / "bisection.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    drawn = random.Random(1)
    for number in range(times):
        at = drawn.randint(1, COMMITS)
        for metric in ("latency", "macs"):
            if len(lines) > 2 * number + (metric == "macs"):
                continue
            machine = describe()
            with tempfile.TemporaryDirectory() as folder:
                planted(Path(folder), at)
                command = [sys.executable, "-m", "pytest_modelbench.cli", "bisect", f"HEAD~{COMMITS}..HEAD"]
                start = time.monotonic()
                ran = subprocess.run(
                    [*command, "--metric", metric, "--json"], cwd=folder, capture_output=True, text=True
                )
                took_s = time.monotonic() - start
            told = json.loads(ran.stdout)
            check = told["checks"][0]
            found = check["first_after"]["told"] if check["first_after"] else None
            line = {
                "machine": machine, "metric": metric, "planted": f"commit {at}", "found": found, "took_s": took_s,
                "ended": check["ended"], "whole": check["whole"], "own": check["own"], "runs": told["runs"],
                "measured": told["measured"],
            }  # fmt: skip
            lines.append(json.dumps(line))
            path.write_text("\n".join(lines) + "\n")
            print(metric, line["planted"], found, check["ended"], round(took_s), "s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["real"]:
        real(int(sys.argv[2]) if sys.argv[2:] else 3)
    else:
        simulated()
