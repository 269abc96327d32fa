"""Baselines damaged in all ways, and a session after each in which everything has regressed: does any of it pass?"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Check, Outcome
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.results import read_results
from tests.trials.faults import mutations
from tests.trials.faults.gated_project import Ended, GatedProject
from tests.trials.faults.told import Told

#: How often each, of a hundred.
KINDS: dict[str, int] = {"cut": 15, "restructured": 30, "renumbered": 15, "scrambled": 35, "replaced": 5}
_OF_TEXT: dict[str, Callable[[random.Random, bytes, bytes], bytes]] = {
    "cut": mutations.cut,
    "restructured": mutations.restructured,
    "renumbered": mutations.renumbered,
    "scrambled": mutations.scrambled,
}
#: A number that stands there once is what the project holds.
_ANOTHER = "another number, told as improved"
#: What is measured, of what is stored.
WORSE = 1.3
#: Exit status of a session that cannot go on: pytest's for wrong usage.
_REFUSED = 4


def damage(project: GatedProject, rng: random.Random) -> str:
    """What is done to one file of the baselines, in words."""
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    files = project.kept()
    file = rng.choice(files)
    path = project.baselines / file
    if kind == "replaced":
        return f"{file}: {mutations.replaced(rng, path)}"
    other = project.text_of(rng.choice(files)).encode()
    path.write_bytes(_OF_TEXT[kind](rng, path.read_bytes(), other))
    return f"{file}: {kind}"


def trial(project: GatedProject, seed: str) -> Told:
    """What came of one damage, by ``seed``."""
    project.restore()
    rng = random.Random(seed)
    what = damage(project, rng)
    before = project.contents()
    results = project.root.parent / "results.json"
    results.unlink(missing_ok=True)
    ended = project.session(f"--modelbench-json={results}", factor=WORSE)
    told = _told(project, ended, results)
    if not told.fault and project.contents() != before:
        told = Told("changed by a gate", fault=True)
    return told.of(what, ended.text)


def _told(project: GatedProject, ended: Ended, results: Path) -> Told:
    if common := Told.of_any(project, ended):
        return common
    if ended.status == _REFUSED:
        named = "baselines" in ended.text
        return Told("refused" if named else "refused, and not said which file", fault=not named)
    if ended.status != 1 or not results.exists():
        return Told(f"opened: exit status {ended.status}", fault=True)
    session = read_results(results)
    verdicts = {_kind(project, check) for check in session.checks}
    if opened := sorted(kind for kind in verdicts if kind.startswith("opened")):
        return Told(opened[0], fault=True)
    if _ANOTHER not in verdicts and any(test.outcome is Outcome.PASSED for test in session.tests):
        return Told("opened: a test passed", fault=True)
    if said_otherwise := sorted(verdicts - {"regressed"}):
        return Told(", ".join(said_otherwise))
    return Told("regressed, as without damage")


def _kind(project: GatedProject, check: Check) -> str:
    """How a check came out, all of which have regressed by what was accepted."""
    verdict = check.judgement.verdict
    if verdict in (Verdict.REGRESSED, Verdict.INCOMPARABLE):
        return "regressed"
    if verdict is Verdict.NEW:
        return "its entry is gone: failed"
    if verdict is Verdict.INCONCLUSIVE:
        return "left open: does not pass"  # a baseline that was made vaguer
    once = not check.metric.noisy and check.measurements[-1].observations is None
    if verdict is Verdict.IMPROVED and once and _stored(project, check.key) != check.measurements[-1].value:
        return _ANOTHER
    return f"opened: {check.metric.name} {verdict.value}"


def _stored(project: GatedProject, key: CheckKey) -> float | None:
    try:
        view = BaselineStore(project.baselines).find("portable", key)
    except BaselineError:
        return None
    return view.value if view else None
