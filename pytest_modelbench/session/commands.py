"""The commands that messages tell: they repeat what this session was told on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pytest_modelbench.core.places import Here
from pytest_modelbench.core.session import Asked
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Judgement
from pytest_modelbench.options import flag_of
from pytest_modelbench.report.commands import prune_command, pytest_command, rename_command, where_options

_DEFAULTS = Settings()
_AGAINST = flag_of("against"), flag_of("against-python")


@dataclass(frozen=True, slots=True)
class Commands:
    """Made from this session's own ``options`` that belong on such a command, and from what chose its tests.

    ``options`` are values by flag; ``selection`` are options as well, and ``tests`` files, folders and ids, as they
    were typed; ``rounds`` and ``pairs`` are the looks of this session's settings; ``baselines`` is the folder of
    baselines as it is typed ``here``; ``root`` are options that a command takes to find the root directory of this
    session again.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()
    baselines: str = _DEFAULTS.baselines
    rounds: tuple[int, ...] = _DEFAULTS.rounds
    pairs: tuple[int, ...] = _DEFAULTS.pairs
    here: Here = field(default_factory=Here)
    root: Callable[[], Mapping[str, str]] = dict
    tests: tuple[str, ...] = ()
    asked: Callable[[], Asked] = Asked  #: all of that for whoever reads the results elsewhere

    def rerun(self, *tests: str) -> str:
        """The command that measures ``tests`` again, or everything that this session did."""
        return self._pytest({}, tests, (*self.selection, *self.tests))

    def settle(self, judgement: Judgement, *tests: str) -> str:
        """The command that measures ``tests`` as often as would probably decide ``judgement``; empty if unknown."""
        if judgement.more is None:
            return ""
        if judgement.pairs:
            return self._pytest({flag_of("pairs"): _up_to(judgement.pairs + judgement.more, self.pairs)}, tests)
        more = {flag_of("rounds"): _up_to(judgement.processes + judgement.more, self.rounds)}
        # A stored comparison that ended before its last look, or has but one, left the rest to a duet (or its budget
        # was over). The next one would do so, too, before it has measured that many processes: so it is to decide
        # alone. One that came to its end had no duet; alone, it would not ask any more whether the code is the
        # baseline's own.
        if len(self.rounds) == 1 or judgement.processes < self.rounds[-1]:
            more[flag_of("confirm")] = "rerun"
        return self._pytest(more, tests)

    def accept(self, *tests: str) -> str:
        """The command that measures and accepts ``tests``, or all that is selected; empty where nothing is stored."""
        return "" if self.against else self._pytest({"--update-baselines": ""}, tests)

    @property
    def against(self) -> str:
        """What this session compares with in place of what is stored; empty: it compares with what is stored."""
        return " with ".join(told for flag in _AGAINST if (told := self.options.get(flag)))

    @property
    def chosen(self) -> str:
        """What chose the tests, as it is typed."""
        return shlex.join([*self.selection, *self.tests])

    def prune(self, test: str, check: str) -> str:
        """The command that removes one baseline entry."""
        return prune_command([test], self.baselines, check, self.here)

    def rename(self, old: str, new: str) -> str:
        """The command that keeps the baselines of a test under another id."""
        return rename_command(old, new, self.baselines, self.here)

    def convert(self) -> str:
        """The command that writes the baselines in the present form."""
        return shlex.join(["pytest-modelbench", "convert", *where_options(self.baselines, self.here)])

    def _pytest(self, more: Mapping[str, str], tests: tuple[str, ...], selection: tuple[str, ...] = ()) -> str:
        chosen = map(self.here.argument, tests) if tests else selection
        return pytest_command({**self.options, **self.root(), **more}, chosen)


def _up_to(number: int, looks: Iterable[int]) -> str:
    """An option's value: those of ``looks`` that come before ``number``, and ``number``."""
    return ",".join(map(str, [*(look for look in looks if look < number), number]))
