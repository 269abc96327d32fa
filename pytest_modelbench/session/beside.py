"""What a session reads and runs beside what is committed and installed, as facts of its provenance."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.environment import BESIDE_GIT, NONE, OPTIONS, READ, Fact
from pytest_modelbench.core.shown import all_shown, unless_hidden
from pytest_modelbench.vcs.beside import (
    beside_commits,
    code_of,
    fingerprint,
    importable_code,
    known_to_git,
    places_beside,
)
from pytest_modelbench.vcs.listing import top_of
from pytest_modelbench.vcs.reads import read_variables
from pytest_modelbench.workers.installed import editable_sources
from pytest_modelbench.workers.options import options_to_hand_over

#: Groups of options by which pytest and plugins beside it do not change what a test measures; ours are told elsewhere.
_OTHERS = frozenset(
    """
    general collect debugconfig logging pytest-warnings modelbench benchmark xdist rerunfailures cov timeout html
    """.split()  # noqa: SIM905 - a word list reads better than a dozen quotes
) | {"terminal reporting"}
#: Options whose value is another one each time, of plugins that shuffle: what is measured is seeded by itself.
_DRAWN = frozenset({"randomly_seed", "random_order_seed"})
_LONGEST = 60


def facts_beside(config: pytest.Config) -> dict[str, Fact]:
    """Options of the project and of other plugins, and code and settings that no commit tells of."""
    found: dict[str, Fact] = {OPTIONS: _options(config) or NONE, READ: read_variables(config.rootpath) or NONE}
    if (beside := _beside_git(config)) is not None:
        found[BESIDE_GIT] = beside or NONE
    return found


def _options(config: pytest.Config) -> str:
    """``weights='x'``: values that are not the default's, as far as they may be shown."""
    handed = options_to_hand_over(config)
    found = {f"-{name}": str(value) for name, value in _of_pytest(config).items() if value}
    for dest, default in _declared(config):
        if dest not in _DRAWN and dest in handed and handed[dest] != default:
            found[dest] = unless_hidden(dest, repr(handed[dest]))
    text = " ".join(f"{dest}={value}" for dest, value in sorted(found.items()))
    if len(text) <= _LONGEST:
        return all_shown(text)
    return f"{len(found)} ({hashlib.sha256(text.encode()).hexdigest()[:8]})"


def _declared(config: pytest.Config) -> Iterator[tuple[str, Any]]:
    parser: Any = config._parser
    for group in (parser._anonymous, *parser._groups):
        for option in group.options if group.name not in _OTHERS else ():
            yield option.dest, option.attrs().get("default")


def _of_pytest(config: pytest.Config) -> dict[str, str]:
    """What pytest itself was told that may choose what runs: its file, settings of it, plugins."""
    option = config.option
    return {
        "c": os.path.basename(option.inifilename or ""),
        "o": " ".join(map(_override, option.override_ini or ())),
        "p": " ".join(name for name in option.plugins or () if not name.startswith("no:")),
    }


def _override(text: str) -> str:
    name, equals, value = text.partition("=")
    return f"{name}={unless_hidden(name, value)}" if equals else text


def _beside_git(config: pytest.Config) -> str | None:
    """``net 12 files (1a2b3c4d); 2 files (5e6f7a8b)``: what is installed in editable mode, and other code and files.

    None if git does not tell.
    """
    top = top_of(config.rootpath)
    if (files := beside_commits(config.rootpath)) is None:
        return None
    editable = editable_sources(sys.path)
    told = [f"{name} {_code_of(source)}" for name, source in editable if not known_to_git(source, top)]
    sources = [source for _, source in editable]
    places = [one for one in places_beside(sys.path, top) if not any(map(one.is_relative_to, sources))]
    told += [f"{place.name} {code}" for place in places if (code := importable_code(place))]
    return "; ".join(filter(None, [*told, fingerprint(files, top)]))


@cache
def _code_of(source: Path) -> str:
    """The code that this process may have imported already, so that it is that of its beginning."""
    return code_of(source)
