"""Whether git merges what two branches accepted of one module: random pairs of accepts, merged by ``git merge``.

    python tests/trials/merging/merging.py

Each pair has a base of 2 to 40 tests, from one to three sessions, and two branches: each accepts once or twice other
values of up to 8 tests, up to 8 new ones, or both, and further days' times of tests that did not change. A merge is
right if the files load and hold exactly what both accepted.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import ROOT, describe, write

sys.path.insert(0, str(ROOT))
from pytest_modelbench.cli import main as command
from pytest_modelbench.core.errors import BaselineError
from tests.trials.merging.branches import Branches, Layout, git

PAIRS = 100
#: Pairs that both accepted other values of two of the same tests, with two checks each.
CONTRADICTING = 30


def _dense(text: str) -> str:
    """No empty lines between records."""
    return text.replace(",\n\n", ",\n")


def _sessions_first(text: str) -> str:
    """Sessions in the order of time before all entries."""
    head, rest = text.split("[\n\n", 1)
    records = re.split(r"\n\n", rest)[:-1]
    sessions = sorted(one for one in records if one.startswith('{"session"'))
    records = sessions + [one for one in records if one not in sessions]
    return f"{head}[\n\n" + "".join(f"{one}\n\n" for one in records) + "null]}\n"


LAYOUTS: dict[str, Layout] = {
    "as written": str,
    "no empty lines": _dense,
    "sessions first, by time": _sessions_first,
    "sessions first, by time, no empty lines": lambda text: _dense(_sessions_first(text)),
}


def main() -> None:
    """Run all pairs, and write what became of each."""
    machine = describe()
    figures: dict[str, object] = {
        "merged by union": _series(PAIRS, _merged_by_git),
        "without union, then merge-conflict": _series(PAIRS, _settled_by_command, union=False),
        "contradicting": _series(CONTRADICTING, _contradicting, contradicting=2),
        "files without union that git could not merge, by layout": {
            name: _unmerged(layout) for name, layout in LAYOUTS.items()
        },
    }
    write("merging", machine, figures)


def _series(pairs: int, look: Callable[[Branches], dict[str, object]], **options: object) -> dict[str, object]:
    """What ``look`` tells of each of so many pairs, and how often it was so."""
    found = []
    for seed in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            branches = Branches(Path(folder), random.Random(seed), **options)  # type: ignore[arg-type]
            branches.make()
            found.append({"seed": seed, **branches.sizes(), **look(branches)})
    return {"pairs": pairs, "right": sum(bool(one["right"]) for one in found), "each": found}


def _merged_by_git(branches: Branches) -> dict[str, object]:
    unmerged = branches.merge()
    return {"unmerged": len(unmerged), "right": not unmerged and _is_right(branches)}


def _settled_by_command(branches: Branches) -> dict[str, object]:
    unmerged = branches.merge()
    status = command(["merge-conflict", *(str(branches.root / path) for path in unmerged)]) if unmerged else 0
    return {"unmerged": len(unmerged), "right": status == 0 and _is_right(branches)}


def _contradicting(branches: Branches) -> dict[str, object]:
    """Right if it is seen, names each of the checks in question and no other, and either side can be taken."""
    branches.merge()
    paths = [str(path) for path in (branches.root / "baselines").glob("*/*.json")]
    try:
        branches.held()
        seen = False
    except BaselineError as error:
        seen = "pytest-modelbench merge-conflict" in str(error) and any(test in str(error) for test in branches.both)
    refused = command(["merge-conflict", *paths]) == 1
    taken = command(["merge-conflict", "--theirs", *paths]) == 0
    mine = {at: entry.accepted for at, entry in branches.accepted["theirs"].items() if at[1].test in branches.both}
    held = {at: entry.accepted for at, entry in branches.held().items() if at[1].test in branches.both}
    return {"seen": seen, "right": seen and refused and taken and held == mine and _is_right(branches)}


def _is_right(branches: Branches) -> bool:
    """Whether the files load and hold what was wanted."""
    try:
        held = branches.held()
    except BaselineError as error:
        print(error, file=sys.stderr)
        return False
    return {at: _plain(one) for at, one in held.items()} == {at: _plain(one) for at, one in branches.wanted().items()}


def _plain(entry: object) -> str:
    """An entry without what it replaced, whose order and number say nothing."""
    return json.dumps(entry.model_dump(exclude={"replaces"}), sort_keys=True)  # type: ignore[attr-defined]


def _unmerged(layout: Layout) -> dict[str, int]:
    """Of so many pairs, in how many each folder's file was in conflict."""
    counts: Counter[str] = Counter()
    for seed in range(PAIRS):
        with tempfile.TemporaryDirectory() as folder:
            branches = Branches(Path(folder), random.Random(seed), layout=layout, union=False)
            branches.make()
            counts.update(path.split("/")[1] for path in branches.merge())
            git(branches.root, "merge", "--abort", check=False)
    return {"pairs": PAIRS, **{name: counts[name] for name in ("portable", "cpu-some")}}


if __name__ == "__main__":
    main()
