"""What was asked to become a baseline and did not: once per cause, with the tests it concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_modelbench.core.acceptance import Cause, Refusal
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.report.notices import some
from pytest_modelbench.report.scale import plural
from pytest_modelbench.report.summary import Notice

#: What helps, by cause; empty: the test's own message says it.
_REMEDIES = {
    Cause.INTERRUPTED: "run it to its end",
    Cause.NO_ENVIRONMENT: "no process measured anything: look at what ended them",
    Cause.NOT_ENDED: "run it to its end",
    Cause.FAILED: "mend the test, then accept it again",
    Cause.NOT_MEASURED: "measure it again",
    Cause.DISTURBED: "measure it again when the machine is less busy; pytest-modelbench doctor says how busy it is",
    Cause.TOO_FAR_APART: "measure it again when the machine is less busy",
    Cause.TOO_FEW: "measure it again when the machine is less busy",
    Cause.CONTRADICTED: "the forward pass draws at random, or the test sets a seed of its own: seed what draws, or "
    "record it as noisy (record(..., noisy=True))",
    Cause.UNFIT: "mend what the test records",
}

#: Causes that are not about single tests, or where the session's own command says as much.
_OF_ALL = {Cause.INTERRUPTED, Cause.NO_ENVIRONMENT}
#: The command that measures and accepts tests, of their ids.
Accept = Callable[[Sequence[str]], str]


def refusal_notices(
    refused: Mapping[CheckKey, Refusal], accept: Accept = lambda tests: "", even_if_disturbed: str = ""
) -> list[Notice]:
    """A notice for each cause, in the order of `Cause`: how many checks, of which tests, and what helps.

    ``accept`` makes the command for just these tests: what was accepted beside them need not be measured again.
    ``even_if_disturbed`` is the flag that accepts also what was measured on a disturbed machine, where there is one.
    """
    of_cause = {cause: {k: refusal for k, refusal in refused.items() if refusal.cause is cause} for cause in Cause}
    return [
        _notice(cause, of_cause[cause], accept, even_if_disturbed)
        for cause in Cause
        if any(refusal.cause is cause for refusal in refused.values())
    ]


def _notice(cause: Cause, refused: Mapping[CheckKey, Refusal], accept: Accept, even_if_disturbed: str) -> Notice:
    tests: dict[str, list[str]] = {}
    for key in sorted(refused):
        tests.setdefault(key.test, []).append(key.name)
    details = list(dict.fromkeys(refusal.detail for refusal in refused.values() if refusal.detail))
    lead = f"NOT ACCEPTED: {plural(len(refused), 'check')} of {plural(len(tests), 'test')}"
    told = f"{lead}: {cause.value}{f' ({details[0]})' if len(details) == 1 else ''}; {_REMEDIES[cause]}"
    if even_if_disturbed and cause is Cause.DISTURBED:
        told += f"; or add {even_if_disturbed}: it is then accepted, with a wider band"
    items = [f"{test} {', '.join(names)}" for test, names in tests.items()]
    if len(details) > 1:
        # Each has its own: told beside the test.
        items = [
            f"{key} ({refusal.detail})" if refusal.detail else str(key) for key, refusal in sorted(refused.items())
        ]
    command = accept(sorted(tests)) if cause not in _OF_ALL else ""
    return Notice(told, some(items), command, short=f"{lead}: {cause.value}")
