"""What a history of two years costs, and whether many writers and sudden ends can harm it.

    python tests/trials/history.py

300 checks a night in three environments, a quarter, a half and all of two years: the time to add a night, to read all
of it, and the memory that this takes; the same of all of it folded, and in a branch of git. Eight processes that add
nights at once, to a folder and to a branch. A process that adds nights, killed at 100 random moments. A results file of
200 MB that is imported. Raw in ``results/history.json``.
"""

import json
import random
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

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import levels
from pytest_modelbench.report.history import render_series
from pytest_modelbench.store.folding import fold
from pytest_modelbench.store.history import keep, read_history
from pytest_modelbench.store.imports import import_into
from pytest_modelbench.store.locations import location_of
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.results import write_results

sys.path.insert(0, str(ROOT))
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check

CHECKS, ENVIRONMENTS, NIGHTS, WRITERS, KILLS = 300, 3, 730, 8, 100
LARGE_BYTES, SAMPLES = 200_000_000, 600
BRANCH = "git:nights"


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


def add(where, nights, number=0):
    """Seconds that adding each of some nights takes, in one of the environments."""
    environment = replace(ENVIRONMENT, slug=f"{ENVIRONMENT.slug}-{number}")
    checks, taken = checks_of(environment), []
    for night in nights:
        start = time.perf_counter()
        keep(where, session(night, environment, checks))
        taken.append(time.perf_counter() - start)
    return taken


def most_memory_mb():
    """What this process took at most; `resource` would tell of the one that started it, too."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def reading(where):
    """In a process of its own: seconds to read all, on the clock and of the CPU, and to print it, and its memory."""
    start, start_cpu = time.perf_counter(), time.process_time()
    kept = read_history(where)
    read_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    render_series(levels(kept.series), 120, colour=False)
    print([read_s, cpu_s, time.perf_counter() - start - read_s, most_memory_mb(),
           kept.sessions, len(kept.damaged)])  # fmt: skip


def doing(what):
    """In a process of its own: seconds, and its memory at most."""
    start = time.perf_counter()
    what()
    print([time.perf_counter() - start, most_memory_mb()])


def figures(*values):
    return dict(zip(("read_s", "read_cpu_s", "render_s", "memory_mb", "sessions", "damaged"), values, strict=True))


def write_large(path):
    """A results file of 200 MB: many samples of many checks."""
    (first, *_) = checks_of(ENVIRONMENT)
    samples = tuple(0.1 + number / 1e6 for number in range(SAMPLES))
    measured = tuple(replace(one, samples=samples) for one in first.measurements)
    count = LARGE_BYTES // (len(measured) * len(str(samples)))
    checks = tuple(
        replace(first, key=CheckKey(f"{first.key.test}[{number}]", first.key.name), measurements=measured)
        for number in range(count)
    )
    write_results(path, session(0, ENVIRONMENT, checks))
    return path.stat().st_size


def child(*arguments, **more):
    return subprocess.Popen([sys.executable, __file__, *map(str, arguments)], **more)


def asked(*arguments, **more):
    return json.loads(child(*arguments, stdout=subprocess.PIPE, text=True, **more).communicate()[0])


def branch(nights):
    """What the same costs in a branch of git."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        import_into(location_of(BRANCH, Path(folder)), [nights])
        taken = add(location_of(BRANCH, Path(folder)), range(NIGHTS, NIGHTS + 20), 0)
        return {"add_s": {"median": median(taken), "most": max(taken)}} | figures(*asked("read", BRANCH, cwd=folder))


def main():
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        taken, sizes = [], {}
        for first, last in pairwise((0, NIGHTS // 4, NIGHTS // 2, NIGHTS)):
            for number in range(ENVIRONMENTS):
                taken += add(Path(folder), range(first, last), number)
            one = figures(*asked("read", folder))
            sizes[one.pop("sessions")] = one
        found["nights"] = sizes
        found["branch"] = branch(Path(folder))
        found["add_s"] = {"median": median(taken), "most": max(taken)}
        found["bytes_a_night"] = max(path.stat().st_size for path in Path(folder).iterdir())
        fold_s, fold_mb = asked("fold", folder)
        (folded,) = Path(folder).iterdir()
        found["folded"] = {"fold_s": fold_s, "fold_memory_mb": fold_mb, "bytes": folded.stat().st_size}
        found["folded"] |= figures(*asked("read", folder))
    with tempfile.TemporaryDirectory() as folder:
        writers = [child("add", folder, number, 50) for number in range(WRITERS)]
        for one in writers:
            one.wait()
        *_, sessions, damaged = asked("read", folder)
        found["writers"] = {"wanted": WRITERS * 50, "kept": sessions, "damaged": damaged}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        writers = [child("add", BRANCH, number, 50, cwd=folder) for number in range(WRITERS)]
        for one in writers:
            one.wait()
        *_, sessions, damaged = asked("read", BRANCH, cwd=folder)
        found["writers_to_a_branch"] = {"wanted": WRITERS * 50, "kept": sessions, "damaged": damaged}
    with tempfile.TemporaryDirectory() as folder:
        size = write_large(Path(folder, "results.json"))
        import_s, import_mb = asked("import", folder)
        found["import"] = {"bytes": size, "import_s": import_s, "memory_mb": import_mb}
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
    what, *rest = sys.argv[1:] or [""]
    if what == "read":
        reading(location_of(rest[0], Path.cwd()))
    elif what == "add":
        add(location_of(rest[0], Path.cwd()), range(int(rest[2])), int(rest[1]))
    elif what == "fold":
        doing(lambda: fold(Folder(Path(rest[0])), "2030"))
    elif what == "import":
        doing(lambda: import_into(Folder(Path(rest[0], "nights")), [Path(rest[0], "results.json")]))
    else:
        main()
