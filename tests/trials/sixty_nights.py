"""A project of sixty commits and nights, from the first sign of a regression to its commit, by what people type.

    python tests/trials/sixty_nights.py [FOLDER]

Commit 41 gives a model a block more. A real session accepts the baselines at the first commit; a night for each commit
is made of what it measured, with noise as nights have it and the change from commit 41 on; a real session judges the
last commit, adds itself and writes its page. Then `history` is asked, and the bisection that it prints is run. What
each printed, and whether it named the commit, in ``results/sixty_nights.json``; the page stays in FOLDER.
"""

import json
import math
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bisection import NETS, git
from machine import describe, write

from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.history import keep
from pytest_modelbench.store.results import read_results

COMMITS, CHANGED, NOISE = 60, 41, 0.011
TEST = """import pytest
from nets import net


@pytest.mark.modelbench
@pytest.mark.parametrize("size", [96, 128, 160])
def test_net(size, build_model, modelbench):
    model = build_model(net, image_size=size)
    modelbench.latency(model)
    modelbench.cost(model)


@pytest.mark.modelbench
def test_timm(build_model, modelbench):
    model = build_model("resnet10t", image_size=96)
    modelbench.latency(model)
    modelbench.cost(model)
"""
SETTINGS = """[tool.pytest.ini_options]
pythonpath = ['.']
[tool.modelbench]
history = "nights"
drift = "warn"
"""


def project(folder):
    """The commits, the oldest first, by their ids."""
    git(folder, "init", "--quiet")
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / ".gitignore").write_text("__pycache__\n.pytest_cache\nnights\nother\n*.html\n/results.json\n")
    (folder / "test_it.py").write_text(TEST)
    ids = []
    for number in range(COMMITS + 1):
        blocks = 11 if number >= CHANGED else 10
        (folder / "nets.py").write_text(f"{NETS.format(blocks=blocks)}\n\nNUMBER = {number}\n")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"commit {number}")
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        ids.append(head.stdout.strip())
    return ids


def ran(folder, *command):
    """What a command printed, its status, and how long it took."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return {"command": shlex.join(command), "status": done.returncode, "took_s": time.monotonic() - start,
            "printed": done.stdout + done.stderr}  # fmt: skip


def night(session, when, commit, after, drawn):
    """The session as it would have been on another day; ``after``: exact values from the change on, None before."""
    day = drawn.gauss(0, NOISE / 2)
    checks = [_check(check, None if after is None else after[check.key], day, drawn) for check in session.checks]
    return replace(session, stamp=Stamp(when.isoformat().replace("+00:00", ".000Z"), commit), checks=tuple(checks))


def _check(check, after, day, drawn):
    noisy, then = check.metric.noisy, check.judgement.value
    changed = after is not None and "test_net" in check.key.test
    slower = (math.log(1.10) if changed else 0.0) + day + drawn.gauss(0, NOISE)
    value = then * math.exp(slower) if noisy else after if changed else then
    ratio, half = value / then, 1.02 if noisy else 1.0
    allowed = check.metric.band.ratio(check.judgement.value)
    verdict = Verdict.REGRESSED if changed and ratio > 1 + allowed else Verdict.OK
    judgement = replace(
        check.judgement, value=value, baseline=check.judgement.value, verdict=verdict, ratio=ratio,
        low_ratio=ratio / half, high_ratio=ratio * half,
    )  # fmt: skip
    measured = check.measurements
    if noisy:
        measured = tuple(
            replace(one, timing=replace(one.timing, log_ratio=one.timing.log_ratio + slower)) for one in measured
        )
    return replace(check, judgement=judgement, measurements=measured)


def main(folder):
    machine, found = describe(), {}
    commits = project(folder)
    pytest = [sys.executable, "-m", "pytest", "--modelbench", "--device=cpu"]
    ours = [sys.executable, "-m", "pytest_modelbench.cli"]
    git(folder, "checkout", "--quiet", commits[0])
    found["accepted"] = ran(
        folder, *pytest, "--update-baselines", "--modelbench-json=results.json", "--modelbench-history=other"
    )
    session = read_results(folder / "results.json")
    git(folder, "checkout", "--quiet", commits[-1])
    ran(folder, *pytest, "--modelbench-rounds=1", "--modelbench-confirm=rerun", "--modelbench-history=other",
        "--modelbench-json=results.json")  # fmt: skip
    after = {check.key: check.judgement.value for check in read_results(folder / "results.json").checks}
    drawn, first = random.Random(0), datetime(2026, 9, 1, 3, tzinfo=timezone.utc)
    for number in range(COMMITS):
        when = first + timedelta(days=number)
        keep(folder / "nights", night(session, when, commits[number], after if number >= CHANGED else None, drawn))
    git(folder, "checkout", "--quiet", "-B", "main", commits[-1])
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "baselines")
    found["night"] = ran(folder, *pytest, "--modelbench-json=results.json", "--modelbench-html=page.html")
    found["history"] = ran(folder, *ours, "history")
    command = next(iter(re.findall(r"pytest-modelbench (bisect .*)", found["history"]["printed"])), "")
    found["printed"] = command
    if command:
        found["bisect"] = ran(folder, *ours, *shlex.split(command), "--json")
        told = json.loads(found["bisect"]["printed"][found["bisect"]["printed"].index("{") :].split("\n=====")[0])
        found["named"] = {check["check"]: (check["first_after"] or {}).get("told") for check in told["checks"]}
    found["page_bytes"] = (folder / "page.html").stat().st_size
    write("sixty_nights", machine, found)


if __name__ == "__main__":
    if sys.argv[1:]:
        Path(sys.argv[1]).mkdir(parents=True)
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
