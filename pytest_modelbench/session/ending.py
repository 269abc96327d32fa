"""A session as a value, once it is over: what the runner has gathered, with what is asked of store and sources."""

from __future__ import annotations

import os
from collections.abc import Collection

from pytest_modelbench.core.session import Elsewhere, Session, elsewhere
from pytest_modelbench.session.provenance import stamped
from pytest_modelbench.session.runner import SessionRunner

#: How many tests that only the code compared with has are named.
_SHOWN = 3


def session_of(runner: SessionRunner, known: Collection[str] = ()) -> Session:
    """What ``runner`` ran; ``known`` are all tests that were collected, whether they were asked for or not."""
    results = runner.results
    checks, gates = results.checks(), list(results.gates.values())
    promised = {key for gate in gates for key in gate.promised()}
    ungated: dict[str, int] = {}
    others: dict[str, tuple[Elsewhere, ...]] = {}
    for gate in gates if not runner.updating else ():
        of_this = [check for check in checks if check.environment == gate.environment.slug]
        empty = gate.ungated(of_this)
        ungated |= empty
        if gate.environment.slug in empty:
            others[gate.environment.slug] = elsewhere(runner.store.identities(), gate.environment)
    judged = [(check, results.gates[check.environment]) for check in checks]
    return Session(
        stamp=stamped(runner.stamp, runner.config.rootpath),
        environments=results.environments,
        checks=tuple(checks),
        tests=tuple(results.results()),
        duration_s=runner.duration_s,
        processes=runner.processes,
        interrupted=not runner.complete,
        updating=runner.updating,
        ungated=ungated,
        elsewhere=others,
        absent=tuple(runner.renames.absent_of(promised)),
        renamed=() if runner.updating else runner.renames.of(judged, gates),
        warnings=(*runner.unread, *runner.decider.warnings, *_outdated(runner), *_only_in_base(runner, known)),
        against=runner.against,
        asked=runner.commands.asked(),
    )


def _outdated(runner: SessionRunner) -> list[str]:
    """A warning of each file that is in the form of an older version."""
    told = []
    for path in runner.store.outdated():
        place = os.path.join(runner.commands.baselines, os.path.relpath(path, runner.store.folder))
        how = runner.commands.convert()
        told.append(f"{place} is written in the form of an older version; `{how}` writes it in the present one")
    return told


def _only_in_base(runner: SessionRunner, known: Collection[str]) -> list[str]:
    """A warning of tests that the code compared with has beside those that it lacks: a renamed test is two."""
    lost = sorted({test for entry in runner.results.entries.values() for test in entry.only_in_base} - set(known))
    if not lost:
        return []
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    told = f"{', '.join(lost[:_SHOWN])}{more}"
    return [f"only {runner.against} has {told}: a test that was renamed is new, and compared with nothing"]
