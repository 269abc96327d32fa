"""The commands that messages tell: they repeat what this session was told on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_modelbench.core.verdicts import Judgement


@dataclass(frozen=True, slots=True)
class Commands:
    """Made from this session's own ``options`` that belong on such a command and the ``selection`` that chose tests."""

    options: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()
    baselines: str = "baselines"

    def rerun(self, *tests: str) -> str:
        """Measure ``tests`` again, or everything that this session did."""
        return self._pytest([], tests or self.selection)

    def settle(self, judgement: Judgement, *tests: str) -> str:
        """Measure ``tests`` as often as would probably decide ``judgement``; empty if that is not known."""
        if judgement.more is None:
            return ""
        looks = (3, 5, judgement.processes + judgement.more)
        option = f"--modelbench-passes={','.join(map(str, sorted(set(looks))))}"
        if judgement.pairs:
            option = f"--modelbench-pairs=4,9,{judgement.pairs + judgement.more}"
        return self._pytest([option], tests)

    def accept(self, *tests: str) -> str:
        """Measure ``tests``, or everything that these options select, and accept it; empty where nothing is stored."""
        if any(option.startswith("--modelbench-against") for option in self.options):
            return ""
        return self._pytest(["--update-baselines"], tests)

    def prune(self, test: str, check: str) -> str:
        """Remove one baseline entry."""
        where = [] if self.baselines == "baselines" else ["--baselines", self.baselines]
        return shlex.join(["pytest-modelbench", "prune", *where, "--test", test, "--check", check])

    def _pytest(self, more: Iterable[str], tests: tuple[str, ...]) -> str:
        given = [f"{name}={value}" for name, value in self.options.items()]
        return shlex.join(["pytest", "--modelbench", *given, *more, *tests])
