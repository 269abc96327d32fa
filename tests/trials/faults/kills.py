"""Commands that change baselines, killed at any moment: is every file whole, and does the same command finish it?"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.store.baselines import BaselineStore
from tests.trials.faults.gated_project import GatedProject, Running
from tests.trials.faults.told import Told

#: About how long the longest of them takes, left alone, and how often it looks at baselines or changes them.
_LONGEST_S = 0.1
_MOST_STEPS = 20
#: Kills at such a step, and not at any moment: so many of all.
_BY_STEP = 0.7


@dataclass(frozen=True)
class _Act:
    """What is killed: a command, or a session that accepts what is so much worse."""

    arguments: tuple[str, ...]
    factor: float = 0.0

    def start(self, project: GatedProject, dies_at: int | None = None) -> Running:
        if self.factor:
            return project.start_session(*self.arguments, factor=self.factor, dies_at=dies_at)
        return project.start_command(*self.arguments, dies_at=dies_at)


_ACTS = (
    _Act(("accept", "../worse.json")),
    _Act(("prune", "../gone.json")),
    _Act(("rename", "test_net.py", "test_nets.py")),
    _Act(("--update-baselines",), factor=1.3),
)


class Kills:
    """Acts over one project; each is known as it ends when it is left alone."""

    def __init__(self, project: GatedProject) -> None:
        self._project = project
        project.session("--modelbench-json=../worse.json", factor=1.3)
        aside = [project.root / "test_accuracy.py", project.root / "test_net.py"]
        for path in aside:
            path.rename(project.root.parent / path.name)
        project.session("--modelbench-json=../gone.json")
        for path in aside:
            (project.root.parent / path.name).rename(path)
        self._before = self._held()
        self._after = {act: self._alone(act) for act in _ACTS}

    def trial(self, seed: str) -> Told:
        """What came of one kill, by ``seed``."""
        project, rng = self._project, random.Random(seed)
        project.restore()
        act = rng.choice(_ACTS)
        if rng.random() < _BY_STEP:
            running = act.start(project, dies_at=rng.randrange(_MOST_STEPS))
        else:
            running = act.start(project)
            time.sleep(rng.uniform(0, _LONGEST_S))
            os.kill(running.pid, signal.SIGKILL)
        killed = running.end()
        what = " ".join(act.arguments)
        told = self._told(act, killed.status)
        return told.of(what, killed.text)

    def _told(self, act: _Act, status: int | None) -> Told:
        name = act.arguments[0]
        try:
            held = self._held()
        except BaselineError as error:
            return Told(f"{name}: torn: {error}", fault=True)
        before, after = self._before, self._after[act]
        known = {**before, **after}
        if strange := [key for key, value in held.items() if value not in (before.get(key), after.get(key))]:
            return Told(f"{name}: neither as before nor as after: {strange[0]}", fault=True)
        if lost := [key for key in known if key in before and key in after and key not in held]:
            return Told(f"{name}: lost: {lost[0]}", fault=True)
        begun = "before anything was written" if held == before else "after all" if held == after else "half done"
        again = act.start(self._project).end()
        if self._held() != after and not (act.arguments[0] == "rename" and held == after):
            return Told(f"{name}, {begun}: not finished by the same command: {again.text[-300:]}", fault=True)
        if left := [*self._project.left(), *self._temporary()]:
            return Told(f"{name}, {begun}: left behind: {left}", fault=True)
        return Told(f"{name}: ended before" if status == 0 else f"{name}: killed {begun}")

    def _temporary(self) -> list[str]:
        return [path.name for path in self._project.baselines.rglob("*.tmp*")]

    def _alone(self, act: _Act) -> dict[tuple[str, CheckKey], float]:
        self._project.restore()
        ended = act.start(self._project).end()
        held = self._held()
        if held == self._before:
            raise RuntimeError(f"{act} changes nothing: {ended.text}")
        return held

    def _held(self) -> dict[tuple[str, CheckKey], float]:
        """The value of every entry, by folder and key."""
        store = BaselineStore(self._project.baselines)
        views = [(folder, key, store.find(folder, key)) for folder in store.folders() for key in store.keys(folder)]
        return {(folder, key): view.value for folder, key, view in views if view}
