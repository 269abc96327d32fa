"""The one rule of what may become a baseline, for ``--update-baselines`` and ``pytest-modelbench accept`` alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_modelbench.core.acceptance import Refusal
from pytest_modelbench.core.change import Change
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Session
from pytest_modelbench.store.acceptance import refusals
from pytest_modelbench.store.baselines import BaselineStore


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a session's checks: entries that changed or stayed, and the causes of what was refused."""

    changes: tuple[Change, ...] = ()
    refused: Mapping[CheckKey, Refusal] = field(default_factory=dict)


def accept(session: Session, store: BaselineStore) -> Acceptance:
    """Make what ``session`` measured the new baseline, less what is refused: that costs nothing else.

    Raises BaselineError if the files cannot be written; then none of them is touched.
    """
    refused = refusals(session)
    changes: list[Change] = []
    for environment in session.environments:
        checks = [
            check
            for check in session.checks
            if check.key not in refused and session.environment_of(check) is environment
        ]
        changes += store.accept(checks, session.stamp, environment)
    return Acceptance(tuple(changes), refused)
