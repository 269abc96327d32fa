"""The one rule of what may become a baseline, for ``--update-baselines`` and ``pytest-modelbench accept`` alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pytest_modelbench.core.acceptance import Refusal
from pytest_modelbench.core.change import Change
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Session
from pytest_modelbench.store.acceptance import refusals
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.moved import Moved, as_told
from pytest_modelbench.store.nights import Nights


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a session's checks: entries that changed or stayed, and the causes of what was refused."""

    changes: tuple[Change, ...] = ()
    refused: Mapping[CheckKey, Refusal] = field(default_factory=dict)


def accept(
    session: Session,
    store: BaselineStore,
    *,
    even_if_disturbed: bool = False,
    nights: Mapping[str, Nights] | None = None,
    moved: Collection[Moved] = (),
) -> Acceptance:
    """Make what ``session`` measured the new baseline, less what is refused: that costs nothing else.

    ``nights`` of each environment, by its slug, go along: what they know of entries that stay. ``moved`` are checks
    that pairs have told from their entries, which are replaced.

    ``even_if_disturbed``: what was measured while the machine was disturbed, too; entries say so, and are held by a
    wider band.
    Raises BaselineError if the files of an environment cannot be written; then none of its files is touched.
    """
    judged = list(zip(session.checks, refusals(session, even_if_disturbed=even_if_disturbed), strict=True))
    changes: list[Change] = []
    for environment in session.environments:
        checks = [
            as_told(check, moved)
            for check, refusal in judged
            if not refusal and session.environment_of(check) is environment
        ]
        changes += store.accept(checks, session.stamp, environment, (nights or {}).get(environment.slug))
    # What is refused in one environment may well be accepted in another.
    return Acceptance(tuple(changes), {check.key: refusal for check, refusal in judged if refusal})
