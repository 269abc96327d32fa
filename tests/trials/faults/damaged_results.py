"""Results files damaged in all ways, and a command that is given each: what does it say, and do to baselines?"""

from __future__ import annotations

import random

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.baselines import BaselineStore
from tests.trials.faults import mutations
from tests.trials.faults.gated_project import GatedProject
from tests.trials.faults.told import Told

_KINDS = (mutations.cut, mutations.restructured, mutations.renumbered, mutations.scrambled)
_COMMANDS = (
    ["report", "damaged.json"],
    ["report", "--format=markdown", "damaged.json"],
    ["compare", "whole.json", "damaged.json"],
    ["compare", "damaged.json", "whole.json"],
    ["accept", "damaged.json"],
    ["accept", "--even-if-disturbed", "--test", "test_speed.py::test_latency", "damaged.json"],
    ["prune", "damaged.json"],
)
_NAMES = {"whole.json", "damaged.json"}


class DamagedResults:
    """Commands over results of a session that found regressions, and tests that are gone."""

    def __init__(self, project: GatedProject) -> None:
        self._project = project
        gone = project.root / "test_accuracy.py"
        gone.rename(project.root.parent / gone.name)
        project.session("--modelbench-json=../whole.json", factor=1.3)
        (project.root.parent / gone.name).rename(gone)
        self._whole = (project.root / "../whole.json").read_bytes()

    def trial(self, seed: str) -> Told:
        """What came of one damage, by ``seed``."""
        project, rng = self._project, random.Random(seed)
        project.restore()
        kind, command = rng.choice(_KINDS), rng.choice(_COMMANDS)
        (project.root / "whole.json").write_bytes(self._whole)
        (project.root / "damaged.json").write_bytes(kind(rng, self._whole, self._whole))
        before = project.contents()
        ended = project.command(*command)
        for name in _NAMES:
            (project.root / name).unlink()
        told = Told.of_any(project, ended) or self._told(command, ended.status, ended.text, before)
        return told.of(f"{kind.__name__}: {' '.join(command)}", ended.text)

    def _told(self, command: list[str], status: int | None, text: str, before: dict[str, object]) -> Told:
        name = command[0]
        changed = self._project.contents() != before
        if status == 4:
            if changed:
                return Told(f"{name} refused the file, and changed baselines", fault=True)
            named = "damaged.json" in text or "baselines/" in text
            return Told(f"{name}: refused" if named else f"{name}: refused, and not said which file", fault=not named)
        if status not in (0, 1):
            return Told(f"{name}: exit status {status}", fault=True)
        if changed and name in ("report", "compare"):
            return Told(f"{name} changed baselines", fault=True)
        try:
            store = BaselineStore(self._project.baselines)
            for folder in store.folders():
                store.load(folder)
        except BaselineError as error:
            return Told(f"{name} wrote baselines that cannot be read: {error}", fault=True)
        return Told(f"{name}: done by what the file says" if changed else f"{name}: done, baselines as they were")
