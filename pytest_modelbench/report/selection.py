"""What names some of a session's tests in a command, and no others."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Collection, Iterable

from pytest_modelbench.core.places import Here

#: Tests named one by one; beyond, files and functions are easier to read and to paste where they hold no others.
MOST_TESTS = 4
#: Options by which a session chose among what it was given: what a file holds besides was not measured.
_CHOOSING = ("-k", "-m")


def naming(tests: Iterable[str], every: Collection[str], selection: str | None, here: Here) -> str:
    """Arguments that give pytest ``tests`` of ``every`` test of a session, which ``selection`` chose; None: not known.

    That selection itself, if it is known and they are all; else each by itself or, if they are many, whole files and
    functions of which the session has no other tests.
    """
    chosen = set(tests)
    if selection is not None and chosen >= set(every):
        return selection
    if len(chosen) <= MOST_TESTS:
        return shlex.join(map(here.argument, sorted(chosen)))
    others = set(every) - chosen
    named = []
    for test in sorted(chosen):
        module, function = test.partition("::")[0], test.partition("[")[0]
        wider = (one for one in (module, function) if not any(_is_within(other, one) for other in others))
        named.append(next(wider, test))
    return shlex.join([*_choosing(selection or ""), *map(here.argument, dict.fromkeys(named))])


def _is_within(test: str, part: str) -> bool:
    return test == part or test.startswith((f"{part}::", f"{part}["))


def _choosing(selection: str) -> list[str]:
    words = shlex.split(selection)
    return [word for flag, value in itertools.pairwise(words) if flag in _CHOOSING for word in (flag, value)]
