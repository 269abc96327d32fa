"""Sessions with real workers and a checkout, ended by a signal at any moment: what is told, and what is left?"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.trials.faults.gated_project import Ended
from tests.trials.faults.real_sessions import RealProject
from tests.trials.faults.told import Told

_TESTS = """
import time
import pytest

@pytest.mark.parametrize("number", range(3))
def test_it(modelbench, number):
    time.sleep(0.1)
    modelbench.record("answer", {answer} + number)
"""
#: Each with the answer that it measures.
_SESSIONS = {
    "a gate": ("--modelbench-rounds=1", "--modelbench-json=results.json"),
    "beside other code": ("--modelbench-against=HEAD~1", "--modelbench-json=results.json"),
    "an update": ("--update-baselines", "--modelbench-json=results.json"),
}
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: About how long the longest takes, left alone.
_LONGEST_S = 2.5


class KilledSessions:
    """A repository with two commits and baselines."""

    def __init__(self, folder: Path) -> None:
        files = {"pyproject.toml": "[tool.modelbench]\nupdate-rounds = 2\n", "test_it.py": _TESTS.format(answer=1)}
        self._project = RealProject(folder, files, {".git", ".gitignore", "results.json"})
        self._root = folder
        self._results = folder / "results.json"
        accepted = self._project.start("--update-baselines").end()
        if accepted.status != 0:
            raise RuntimeError(accepted.text)
        (folder / ".gitignore").write_text("__pycache__\nresults.json\ntmp\n")
        self._git("init", "--quiet")
        for message in ("one", "two"):
            self._git("add", "--all")
            self._git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", message)

    def trial(self, seed: str) -> Told:
        """What came of one signal, by ``seed``."""
        rng = random.Random(seed)
        name, number = rng.choice(list(_SESSIONS)), rng.choice(_SIGNALS)
        self._results.unlink(missing_ok=True)
        self._git("checkout", "--quiet", "--", ".")
        self._git("clean", "--quiet", "--force", "-d")
        (self._root / "test_it.py").write_text(_TESTS.format(answer=5 if name == "an update" else 1))
        session = self._project.start(*_SESSIONS[name])
        time.sleep(rng.uniform(0.2, _LONGEST_S))
        if session.process.poll() is None:
            os.kill(session.process.pid, number)
        ended = session.end()
        told = self._told(ended, number) or self._damage(name) or self._project.left_of(session)
        told = told or Told(f"{name}, {number.name}: {'ended before' if ended.status in (0, 1) else 'ended by it'}")
        return told.of(f"{name}, {number.name}", ended.text)

    def last(self) -> Told:
        """What a session tells after all of those."""
        (self._root / "test_it.py").write_text(_TESTS.format(answer=1))
        session = self._project.start(*_SESSIONS["beside other code"])
        ended = session.end()
        told = self._project.left_of(session) or Told("a last session: fine", fault=ended.status != 0)
        return told.of("after all", ended.text)

    def _told(self, ended: Ended, number: signal.Signals) -> Told | None:
        if ended.status is None:
            return Told("hung", fault=True)
        if ended.status in (0, 1, -number):  # over before, or not begun
            return None
        if "INTERNALERROR" in ended.text or ended.status != 2:
            return Told(f"{number.name}: exit status {ended.status}", fault=True)
        if self._results.exists() and not json.loads(self._results.read_text())["session"]["interrupted"]:
            return Told(f"{number.name}: the results do not say that it was interrupted", fault=True)
        if "modelbench" not in ended.text.rpartition("collected")[2]:
            return None  # while tests were collected
        return None if self._results.exists() else Told(f"{number.name}: no results", fault=True)

    def _damage(self, name: str) -> Told | None:
        """What became of baselines and repository."""
        for path in (self._root / "baselines").rglob("*"):
            if path.suffix == ".json":
                records = json.loads(path.read_text())["records"][:-1]
                values = [record["value"] for record in records if "value" in record]
                if values not in ([1, 2, 3], [5, 6, 7]) or (name != "an update" and values != [1, 2, 3]):
                    return Told(f"{name}: baselines hold {values}", fault=True)
        changed = self._git("status", "--porcelain", "--", "baselines").split("\n")
        if name != "an update" and any(changed):
            return Told(f"{name}: changed {changed}", fault=True)
        return None

    def _git(self, *arguments: str) -> str:
        environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
        ran = subprocess.run(
            ["git", *arguments], cwd=self._root, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return ran.stdout.strip()
