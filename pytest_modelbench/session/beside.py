"""What a session reads and runs beside what is committed and installed, as facts of its provenance."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.environment import BESIDE_GIT, NONE, OPTIONS, Fact
from pytest_modelbench.vcs.beside import beside_commits, code_of, fingerprint
from pytest_modelbench.vcs.listing import top_of
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
    return {OPTIONS: _options(config) or NONE, BESIDE_GIT: _beside_git(config) or NONE}


def _options(config: pytest.Config) -> str:
    """``--weights=x``: values that are not the default's."""
    handed = options_to_hand_over(config)
    found = {}
    for dest, default in _declared(config):
        if dest not in _DRAWN and dest in handed and handed[dest] != default:
            found[dest] = repr(handed[dest])
    text = " ".join(f"{dest}={value}" for dest, value in sorted(found.items()))
    return text if len(text) <= _LONGEST else f"{len(found)} ({hashlib.sha256(text.encode()).hexdigest()[:8]})"


def _declared(config: pytest.Config) -> Iterator[tuple[str, Any]]:
    parser: Any = config._parser
    for group in (parser._anonymous, *parser._groups):
        for option in group.options if group.name not in _OTHERS else ():
            yield option.dest, option.attrs().get("default")


def _beside_git(config: pytest.Config) -> str:
    """``net 12 files (1a2b3c4d); 2 files (5e6f7a8b)``: what is installed in editable mode, and other files."""
    top = top_of(config.rootpath)
    elsewhere = [(name, source) for name, source in editable_sources(sys.path) if not source.is_relative_to(top)]
    told = [f"{name} {_code_of(source)}" for name, source in elsewhere]
    return "; ".join(filter(None, [*told, fingerprint(beside_commits(config.rootpath), top)]))


@cache
def _code_of(source: Path) -> str:
    """The code that this process may have imported already, so that it is that of its beginning."""
    return code_of(source)
