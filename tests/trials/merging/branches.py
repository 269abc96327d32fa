"""A repository with two branches that each accepted something of one module, and what a merge has to hold."""

from __future__ import annotations

import math
import os
import random
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey, Comparability, Measurement, RelativeTime
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Check, Stamp
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.schema import Entry

MODULE = "tests/benchmarks/test_inference.py"
ENVIRONMENT = Environment(
    "cpu", "Some CPU, 2 cores", "cpu-some", {"device": "Some CPU", "threads": 1}, {"torch": "2.15.0", "timm": "1.0.31"}
)
#: Entries by folder and key: what a folder of baselines holds.
Held = dict[tuple[str, CheckKey], Entry]
#: Brings a file that was written into another layout.
Layout = Callable[[str], str]


@dataclass
class Branches:
    """One random pair of accepts in the repository at ``root``, written in ``layout``, with git's union or without.

    ``contradicting``: tests of which both accept other values, too.
    """

    root: Path
    random: random.Random
    layout: Layout = str
    union: bool = True
    contradicting: int = 0
    accepted: dict[str, Held] = field(default_factory=dict)  #: what each branch accepted anew, or joined a session to
    base: Held = field(default_factory=dict)
    both: list[str] = field(default_factory=list)  #: tests that contradict
    _clock: int = 0

    def make(self) -> None:
        """Commit a base and two branches, and leave the first one checked out."""
        git(self.root, "init", "--quiet", "--initial-branch=main")
        names = self.random.sample(range(1000), self.random.randint(4, 60))
        tests = [f"{MODULE}::test_inference[model{name}]" for name in names]
        olds, news = tests[: len(tests) * 2 // 3], tests[len(tests) * 2 // 3 :]
        for _ in range(self.random.randint(1, 3)):  # sessions that the base consists of
            self._accept([one for test in olds for one in self._checks(test)])
            olds = olds[: max(2, len(olds) * 2 // 3)]
        olds = tests[: len(tests) * 2 // 3]
        if not self.union:
            (self.store.folder / ".gitattributes").unlink(missing_ok=True)
        self._commit()
        self.base = self.held()
        self.random.shuffle(olds)
        self.both, olds = olds[: self.contradicting], olds[self.contradicting :]
        halves = {"ours": (olds[::2], news[::2]), "theirs": (olds[1::2], news[1::2])}
        for branch, (changed, added) in halves.items():
            git(self.root, "checkout", "--quiet", "-b", branch, "main")
            (self.root / f"{branch}.py").write_text(f"# {self.random.random()}\n")  # what the branch is about
            self._commit()
            self._work(branch, changed, added)
        git(self.root, "checkout", "--quiet", "ours")

    def merge(self) -> list[str]:
        """Files that git could not merge, of the second branch into the first one."""
        git(self.root, "merge", "--quiet", "--no-edit", "theirs", check=False)
        return git(self.root, "diff", "--name-only", "--diff-filter=U").stdout.split()

    def wanted(self) -> Held:
        """What both branches accepted, over the base."""
        found = dict(self.base)
        for held in self.accepted.values():
            for key, entry in held.items():
                other = found.get(key)
                if other and other.accepted == entry.accepted and other.sessions and entry.sessions:
                    entry = entry.model_copy(update={"sessions": {**other.sessions, **entry.sessions}})
                # Another day of a value that the other branch moved says nothing of the new one.
                if other is None or entry.accepted not in other.replaces:
                    found[key] = entry
        return found

    def held(self) -> Held:
        """What the working tree holds."""
        store = BaselineStore(self.store.folder)
        return {
            (folder, key): entry
            for folder in store.folders()
            for key in store.keys(folder)
            if (entry := store.contents(folder).entry(key))
        }

    def sizes(self) -> dict[str, int]:
        """How much there is: entries of the base, and what each branch accepted."""
        return {"base": len(self.base), **{branch: len(held) for branch, held in self.accepted.items()}}

    @property
    def store(self) -> BaselineStore:
        """The baselines, read anew."""
        return BaselineStore(self.root / "baselines")

    def _work(self, branch: str, changed: list[str], added: list[str]) -> None:
        """Accept, once or twice, changed values, new tests or both; and times that are ok, of any test of the base."""
        kinds = self.random.choice([(True, False), (False, True), (True, True)])
        chosen = self._some(changed) * kinds[0] + self._some(added) * kinds[1] + self.both
        before = self.held()
        for _ in range(self.random.choice([1, 1, 2])):
            checks = [one for test in chosen for one in self._checks(test, Verdict.REGRESSED)]
            fine = [test for test in self._some(sorted({key.test for _, key in self.base})) if test not in chosen]
            checks += [self._latency(test, Verdict.OK) for test in fine]
            self._accept(checks)
            self._commit()
        self.accepted[branch] = {key: entry for key, entry in self.held().items() if before.get(key) != entry}

    def _some(self, tests: list[str]) -> list[str]:
        return self.random.sample(tests, self.random.randint(0, min(len(tests), 8)))

    def _accept(self, checks: Iterable[Check]) -> None:
        self._clock += self.random.randint(60, 90_000)
        day, second = divmod(self._clock, 86_400)
        started = f"2026-11-{1 + day % 28:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        head = git(self.root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).stdout.strip()
        self.store.accept(list(checks), Stamp(started, head or None), ENVIRONMENT)
        for path in self.store.folder.rglob("*.json"):
            path.write_text(self.layout(path.read_text()))

    def _commit(self) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "--message=accept")

    def _checks(self, test: str, verdict: Verdict = Verdict.NEW) -> list[Check]:
        metric, value = METRICS["macs"], self.random.randint(10**6, 10**10)
        one = Measurement("macs", metric, NamedCase("case"), value, test=test)
        macs = Check(one.key, metric, one.case, (one,), Judgement(verdict, value), "portable", environment="cpu-some")
        return [macs, self._latency(test, verdict)]

    def _latency(self, test: str, verdict: Verdict) -> Check:
        metric, case = METRICS["latency"], NamedCase("case")
        values = [self.random.uniform(0.01, 1) for _ in range(3)]
        measured = tuple(
            Measurement(
                "latency", metric, case, value, RelativeTime(math.log(value / 0.004), 0.004),
                comparability=Comparability(reference="conv"), test=test, process=process,
            )
            for process, value in enumerate(values)
        )  # fmt: skip
        judgement = Judgement(verdict, values[0], processes=len(values))
        return replace(
            Check(measured[0].key, metric, case, measured, judgement, "cpu-some", environment="cpu-some"),
            baseline=None,
        )


def git(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """How a git command in ``root`` ended, whatever the configuration of who runs it says."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *who, *arguments], cwd=root, env=quiet, capture_output=True, text=True, check=check)
