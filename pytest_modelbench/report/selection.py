"""What names some of a session's tests in a command, and no others."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Collection, Iterable, Sequence

from pytest_modelbench.core.places import Here

#: Tests named one by one; beyond, files and functions are easier to read and to paste where they hold no others.
MOST_TESTS = 4
#: Options by which a session chose among what it was given: what a file holds besides was not measured.
_CHOOSING = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob")


def naming(tests: Iterable[str], every: Collection[str], selection: str, here: Here) -> str:
    """Arguments that give pytest ``tests`` of ``every`` test of a session, which ``selection`` chose.

    That selection itself, if they are all; else each by itself or, if they are many, whole files and functions of which
    the session has no other tests, and was not given a part alone.
    """
    chosen, words = set(tests), shlex.split(selection)
    if chosen >= set(every):
        return selection
    if len(chosen) <= MOST_TESTS:
        return shlex.join(map(here.argument, sorted(chosen)))
    others = set(every) - chosen
    named = []
    for test in sorted(chosen):
        module, function = test.partition("::")[0], test.partition("[")[0]
        wider = (
            one
            for one in (module, function)
            if not any(_is_within(other, one) for other in others)
            and not any(_is_part(word, here.argument(one)) for word in words)
        )
        named.append(next(wider, test))
    return shlex.join([*_choosing(words), *map(here.argument, dict.fromkeys(named))])


def _is_part(test: str, whole: str) -> bool:
    return test != whole and _is_within(test, whole)


def _is_within(test: str, part: str) -> bool:
    return test == part or test.startswith((f"{part}::", f"{part}["))


def _choosing(words: Sequence[str]) -> list[str]:
    return [word for flag, value in itertools.pairwise(words) if flag in _CHOOSING for word in (flag, value)]
