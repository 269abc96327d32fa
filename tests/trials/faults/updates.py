"""Many that change the same baselines at once: does each find its own values there in the end?"""

from __future__ import annotations

import random

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.baselines import BaselineStore
from tests.trials.faults.gated_project import GatedProject, measured
from tests.trials.faults.told import Told

#: At once: as many as there are tests of the first kind.
AT_ONCE = 10
SIZES = tuple(f"size{number}" for number in range(AT_ONCE))


class Updates:
    """Sessions that accept, and commands that do, over a project with a test for each of them."""

    def __init__(self, project: GatedProject) -> None:
        self._project = project

    def trial(self, seed: str) -> list[Told]:
        """What came of each of `AT_ONCE` updates that began at the same moment."""
        project, rng = self._project, random.Random(seed)
        project.restore()
        tests = [f"test_net.py::test_cost[{size}]" for size in SIZES]
        factors = [rng.choice([0.5, 0.8, 1.2, 1.7, 3.0]) for _ in tests]
        by_command = [rng.random() < 0.5 for _ in tests]
        for place, test in enumerate(tests):
            if by_command[place]:
                project.session(f"--modelbench-json=../one-{place}.json", test, factor=factors[place])
        running = [
            project.start_command("accept", f"../one-{place}.json")
            if by_command[place]
            else project.start_session("--update-baselines", test, factor=factors[place])
            for place, test in enumerate(tests)
        ]
        ended = [one.end() for one in running]
        store = BaselineStore(project.baselines)
        try:
            store.load("portable")
        except BaselineError as error:
            return [Told("torn", fault=True).of(str(error), "")] * len(tests)
        found = []
        for test, factor, one in zip(tests, factors, ended, strict=True):
            told = Told.of_any(project, one)
            wanted = {check.key: check.value for check in measured(test, 1, factor)}
            held = {key: view.value for key in wanted if (view := store.find("portable", key))}
            told = told or (Told("there") if held == wanted and one.status == 0 else Told("lost", fault=True))
            found.append(told.of(test, one.text))
        return found
