"""Nights in which nothing changed, and nights that changed something, on a quiet machine and on busy ones.

    python tests/trials/calm.py aa [--rounds 30]     nothing on top of the baselines' commit, a remark, and other code;
        with --top "a remark", that one alone, in each round
    python tests/trials/calm.py slow [--rounds 10]   real slowdowns, as commits, quiet and with two competitors a core
    python tests/trials/calm.py crossed              baselines of a busy machine gated on a quiet one, and vice versa
    python tests/trials/calm.py upgraded [--rounds 5] another timm, in which both ResNets are slower

Twelve models in two projects of six, which take turns. pytest-benchmark runs beside ours, on the same code. Resumes
where it was interrupted; every record of every process is kept in ``results/calm-<machine>/``, one line a session.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

from machine import RESULTS, SMALL_MODELS, competitors, describe, slug
from trust import Series, _without_baseline
from trust_project import VARIANTS, Project

from pytest_modelbench.core.session import Check
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.store.results import read_results

SETS = {
    "six of before": SMALL_MODELS,
    "six others": {
        "regnetx_002": 224,
        "ghostnet_100": 224,
        "mobilevit_xxs": 256,
        "densenet121": 224,
        "edgenext_xx_small": 256,
        "pit_ti_224": 224,
    },
}
#: What is on top of the baselines' commit, and the branch that has it.
TOPS = {"nothing": "{}", "a remark": "{}-remark", "other code": "{}-other"}
#: In which rounds of three each of them is looked at.
ROUNDS_OF = {"nothing": {0, 1, 2}, "a remark": {0}, "other code": {1}}
#: Slowdowns of about 5, 6, 10 and 22 %, each of one of the six of before.
SLOWER = ("one_more_block", "heavier_block", "two_more_blocks", "larger_kernel")
KINDS = ("quiet", "half busy", "two a core")
#: A process that computes all the time, or half of it, while the one that started it lives.
BUSY = """import os, time
parent, rest_s = os.getppid(), {rest_s}
while os.getppid() == parent:
    end = time.time() + 0.5
    while time.time() < end: pass
    time.sleep(rest_s)
"""
HALF, ALL = BUSY.format(rest_s=0.5), BUSY.format(rest_s=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", choices=("aa", "slow", "crossed", "upgraded"))
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--top", choices=TOPS, help="What of them is looked at, in each round.")
    parser.add_argument("--name", default="", help="Of the series, where a machine has several.")
    parser.add_argument("--project", type=Path, default=Path(tempfile.gettempdir(), "modelbench-calm"))
    arguments = parser.parse_args()
    machine = describe()
    folder = RESULTS / f"calm-{slug(machine, arguments.name)}"
    sets = {
        name: Calm(folder, Project(arguments.project / name.replace(" ", "-"), models)) for name, models in SETS.items()
    }
    next(iter(sets.values())).note("machines", machine)
    series = {"aa": unchanged, "slow": slowdowns, "crossed": crossed, "upgraded": upgraded}
    if arguments.top:
        ROUNDS_OF.update({top: {0, 1, 2} if top == arguments.top else set() for top in TOPS})
    series[arguments.series](sets, arguments.rounds)


class Calm(Series):
    """A project of six models, and the records of all."""

    def ours(self, *arguments: str) -> dict[str, Any]:
        """One session of ours, with all that its processes measured."""
        told = super().ours(*arguments)
        session = read_results(self.project.folder / "results.json")
        tests = {test.test.partition("[")[2].rstrip("]"): test.message for test in session.tests if test.message}
        checks = [_record(check) for check in session.checks]
        return {**told, "checks": checks, "tests": tests, "warnings": list(session.warnings)}


def _record(check: Check) -> dict[str, Any]:
    judgement = check.judgement
    return {
        "test": check.key.test.partition("[")[2].rstrip("]"),
        "name": check.key.name,
        "verdict": judgement.verdict.value,
        "ratio": judgement.ratio,
        "low_ratio": judgement.low_ratio,
        "high_ratio": judgement.high_ratio,
        "processes": judgement.processes,
        "pairs": judgement.pairs,
        "reason": sentences(judgement.reasons),
        "accepted": check.baseline.accepted if check.baseline else None,
        "measured": [
            [
                one.process,
                one.value,
                round(one.log_ratio, 6),
                one.timing.reference_s if one.timing else None,
                one.best_reference_s,
                one.quality.repeated,
                one.quality.disturbance,
            ]
            for one in check.measurements
        ],
        "changes": [round(change, 6) for change in check.changes],
    }


def load(kind: str) -> AbstractContextManager[None]:
    """Others that compute: none, one for half of the time, or two for each core all of the time."""
    cores = len(os.sched_getaffinity(0))
    return competitors({"quiet": [], "half busy": [HALF], "two a core": [ALL] * 2 * cores}[kind])


def accepted(calm: Calm, kind: str = "quiet", branch: str = "main") -> None:
    """Baselines of everybody, recorded once, and committed: nothing on top in ``branch``, more in its twins."""
    project = calm.project
    if f"{branch}-other" in project.git("branch", "--list", f"{branch}-other"):
        return
    took_s, attempts = 0.0, []
    with load(kind):
        while (missing := _without_baseline(project)) and len(attempts) < 5:
            told = calm.ours("--update-baselines", "-k", " or ".join(missing))
            took_s, attempts = took_s + told["wall_s"], [*attempts, told]
            print("accepted, attempt", len(attempts), kind, told["wall_s"], "s, missing before:", missing, flush=True)
        calm.note("accepted", {"models": list(project.models), "kind": kind, "wall_s": took_s, "attempts": attempts})
        if _without_baseline(project):
            raise SystemExit("no baseline could be recorded: the machine is too disturbed")
        if kind == "quiet":
            calm.peer()
    kept = calm.folder / f"baselines-{project.folder.name}-{kind.replace(' ', '-')}"
    shutil.copytree(project.folder / "baselines", kept, dirs_exist_ok=True)
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "baselines")
    project.git("checkout", "--quiet", "-B", branch)
    project.git("checkout", "--quiet", "-B", f"{branch}-remark")
    code = project.folder / "nets.py"
    code.write_text(f"# A remark.\n{code.read_text()}")
    project.git("commit", "--quiet", "--all", "--message", "a remark")
    project.git("checkout", "--quiet", "-B", f"{branch}-other")
    project.commit(None, "other code")


def unchanged(sets: dict[str, Calm], rounds: int) -> None:
    """Sessions of code that is the same, or does the same: each kind of load, with each of `TOPS` on top.

    A remark, which is to be taken for nothing, and other code are looked at in every third round each.
    """
    for calm in sets.values():
        accepted(calm)
    names = list(sets)
    done = {(r["round"], r["kind"], r["top"]) for r in sets[names[0]].records("aa")}
    for number in range(rounds or 30):
        name = names[number % len(names)]
        calm = sets[name]
        for kind in KINDS:
            for top, branch in TOPS.items():
                if (number, kind, top) in done or number % 3 not in ROUNDS_OF[top]:
                    continue
                calm.project.git("checkout", "--quiet", branch.format("main"))
                before = os.getloadavg()[0]
                record: dict[str, Any] = {"round": number, "set": name, "kind": kind, "top": top, "load_before": before}
                with load(kind):
                    # The order turns, so that neither tool always comes first; the peer does not look at commits.
                    tools = ["ours", *(["pytest_benchmark"] if top == "nothing" else [])]
                    for tool in tools if number % 4 < 2 else reversed(tools):
                        record[tool] = calm.ours() if tool == "ours" else calm.peer()
                calm.note("aa", record)
                ours = record["ours"]
                print(number, name, kind, top, ours["exit"], ours["wall_s"], tally(ours), flush=True)
                if "pytest_benchmark" in record:
                    print("   ", record["pytest_benchmark"]["wall_s"], record["pytest_benchmark"]["failed"], flush=True)


def tally(session: dict[str, Any]) -> dict[str, int]:
    """How many checks have each verdict."""
    verdicts = [check["verdict"] for check in session["checks"]]
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


def slowdowns(sets: dict[str, Calm], rounds: int) -> None:
    """Sessions on each slower commit, of the model that it changes."""
    name, calm = next(iter(sets.items()))
    accepted(calm)
    done = {(r["round"], r["variant"], r["kind"]) for r in calm.records("slow")}
    for number in range(rounds or 10):
        for variant in SLOWER:
            for kind in ("quiet", "two a core"):
                if (number, variant, kind) in done:
                    continue
                calm.project.git("checkout", "--quiet", "-B", "slower", "main-other")
                calm.project.commit(variant, variant)
                with load(kind):
                    told = calm.ours("-k", VARIANTS[variant])
                calm.note("slow", {"round": number, "set": name, "variant": variant, "kind": kind, "ours": told})
                print(number, variant, kind, told["exit"], told["wall_s"], tally(told), flush=True)


def crossed(sets: dict[str, Calm], rounds: int) -> None:
    """Baselines that are recorded under load and gated in quiet; and the other way round, which `unchanged` has."""
    del rounds
    for calm in sets.values():
        project = calm.project
        project.git("checkout", "--quiet", "main")
        first = project.git("rev-list", "--max-parents=0", "HEAD")
        project.git("checkout", "--quiet", "-B", "busy", first)
        accepted(calm, "two a core", "busy")
        for number in range(3):
            for top, branch in TOPS.items():
                project.git("checkout", "--quiet", branch.format("busy"))
                told = calm.ours()
                calm.note("crossed", {"round": number, "models": list(project.models), "top": top, "ours": told})
                print(number, top, told["exit"], told["wall_s"], tally(told), flush=True)


def upgraded(sets: dict[str, Calm], rounds: int) -> None:
    """Sessions beside another version of timm, which computes the last stage of each ResNet twice."""
    name, calm = next(iter(sets.items()))
    accepted(calm)
    os.environ["PYTHONPATH"] = str(another_timm(calm.project.folder.parent / "another-timm"))
    done = {(r["round"], r["top"]) for r in calm.records("upgraded")}
    for number in range(rounds or 5):
        for top in ("nothing", "other code"):
            if (number, top) in done:
                continue
            calm.project.git("checkout", "--quiet", TOPS[top].format("main"))
            told = calm.ours()
            calm.note("upgraded", {"round": number, "set": name, "top": top, "ours": told})
            print(number, top, told["exit"], told["wall_s"], tally(told), flush=True)


def another_timm(folder: Path) -> Path:
    """A copy of the installed timm in ``folder``, as its next version: slower where it has ResNets."""
    if folder.is_dir():
        return folder
    found = metadata.distribution("timm")
    (major, minor, patch), site = found.version.split("."), Path(str(found.locate_file("")))
    version, told = f"{major}.{minor}.{int(patch) + 1}", f"timm-{found.version}.dist-info"
    shutil.copytree(site / "timm", folder / "timm")
    shutil.copytree(site / told, folder / f"timm-{version}.dist-info")
    for path, (old, new) in {
        f"timm-{version}.dist-info/METADATA": (f"Version: {found.version}", f"Version: {version}"),
        "timm/version.py": (found.version, version),
        "timm/models/resnet.py": ("x = self.layer4(x)", "x = (self.layer4(x), self.layer4(x))[1]"),
    }.items():
        text = (folder / path).read_text()
        assert old in text, path
        (folder / path).write_text(text.replace(old, new))
    return folder


if __name__ == "__main__":
    main()
