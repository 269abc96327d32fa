"""What a history of two years costs, and whether many writers and sudden ends can harm it.

    python tests/trials/history.py

300 checks a night in three environments, a quarter, a half and all of two years: the time to add a night, to read all
of it, and the memory that this takes. Eight processes that add nights at once. A process that adds nights, killed at
100 random moments. Raw in ``results/history.json``.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from machine import ROOT, describe, write

from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import levels
from pytest_modelbench.report.history import render_series
from pytest_modelbench.store.history import keep, read_history

sys.path.insert(0, str(ROOT))
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check

CHECKS, ENVIRONMENTS, NIGHTS, WRITERS, KILLS = 300, 3, 730, 8, 100


def checks_of(environment):
    return tuple(
        replace(
            check(f"net{number}", METRICS["latency"], Verdict.OK, 0.1 + number / 1e4, 0.1 + number / 1e4),
            environment=environment.slug,
            folder=environment.slug,
        )
        for number in range(CHECKS)
    )


def session(night, environment, checks):
    stamp = Stamp(f"{date(2024, 1, 1) + timedelta(night)}T08:00:00.000Z", f"{night:040x}")
    return replace(EMPTY, stamp=stamp, environments=(environment,), checks=checks)


def add(folder, nights, number=0):
    """Seconds that adding each of some nights takes, in one of the environments."""
    environment = replace(ENVIRONMENT, slug=f"{ENVIRONMENT.slug}-{number}")
    checks, taken = checks_of(environment), []
    for night in nights:
        start = time.perf_counter()
        keep(folder, session(night, environment, checks))
        taken.append(time.perf_counter() - start)
    return taken


def reading(folder):
    """In a process of its own: seconds to read all and to print it, and its memory at most."""
    start = time.perf_counter()
    kept = read_history(folder)
    read_s = time.perf_counter() - start
    render_series(levels(kept.series), 120, colour=False)
    print([read_s, time.perf_counter() - start - read_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
           kept.sessions, len(kept.damaged)])  # fmt: skip


def child(*arguments, **more):
    return subprocess.Popen([sys.executable, __file__, *map(str, arguments)], **more)


def asked(*arguments):
    return json.loads(child(*arguments, stdout=subprocess.PIPE, text=True).communicate()[0])


def main():
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        taken, sizes = [], {}
        for first, last in pairwise((0, NIGHTS // 4, NIGHTS // 2, NIGHTS)):
            for number in range(ENVIRONMENTS):
                taken += add(Path(folder), range(first, last), number)
            read_s, render_s, mb, sessions, damaged = asked("read", folder)
            sizes[sessions] = {"read_s": read_s, "render_s": render_s, "memory_mb": mb, "damaged": damaged}
        found["nights"] = sizes
        found["add_s"] = {"median": median(taken), "most": max(taken)}
        found["bytes_a_night"] = max(path.stat().st_size for path in Path(folder).iterdir())
    with tempfile.TemporaryDirectory() as folder:
        writers = [child("add", folder, number, 50) for number in range(WRITERS)]
        for one in writers:
            one.wait()
        *_, sessions, damaged = asked("read", folder)
        found["writers"] = {"wanted": WRITERS * 50, "kept": sessions, "damaged": damaged}
    drawn, damaged = random.Random(0), 0
    for _ in range(KILLS):
        with tempfile.TemporaryDirectory() as folder:
            one = child("add", folder, 0, 10_000)
            while not any(Path(folder).iterdir()):
                time.sleep(0.005)
            time.sleep(drawn.uniform(0, 0.3))
            one.kill()
            one.wait()
            damaged += len(read_history(Path(folder)).damaged)
    found["killed"] = {"times": KILLS, "damaged": damaged}
    write("history", describe(), found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        reading(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["add"]:
        add(Path(sys.argv[2]), range(int(sys.argv[4])), int(sys.argv[3]))
    else:
        main()
