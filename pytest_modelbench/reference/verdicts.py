"""The page of verdicts and exit statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_modelbench.cli.command import FINE, INTERRUPTED, REFUSED, UNUSABLE
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.reference.markdown import code, table
from pytest_modelbench.session.closing import INCONCLUSIVE

_INTRODUCTION = """\
# Verdicts and exit statuses

Written by `python -m pytest_modelbench.reference docs/reference`; a test keeps this page equal to the code.

## Verdicts

Each check (one metric of one test) has one verdict. The test fails if one of its checks fails. See also
[why there are seven](../trust.md#the-seven-verdicts), and how often they are wrong.
"""


class Told(NamedTuple):
    """What a verdict means, what becomes of its test, and what to do."""

    means: str
    test: str
    way_out: str


VERDICTS: Mapping[Verdict, Told] = {
    Verdict.OK: Told("the change is smaller than the band", "passes", "nothing"),
    Verdict.UNCHANGED: Told(
        "nothing that could change a time differs from the baseline: no code, package, option or machine setting. The "
        "size of the change does not matter",
        "passes",
        "nothing; if sessions keep saying THE MACHINE MOVED, accept again (`--modelbench-machine=fail` makes such a "
        "test fail)",
    ),
    Verdict.REGRESSED: Told(
        "it got worse: an exact value by more than its band, a time surely by more than half its band "
        "([why half](../trust.md#the-seven-verdicts))",
        "fails",
        "read `where` in the message, then revert the change, or [accept it](../how-to/intended-change.md)",
    ),
    Verdict.IMPROVED: Told(
        "it got better, by as much",
        "passes",
        "accept it, or nobody notices when the gain is lost again",
    ),
    Verdict.INCONCLUSIVE: Told(
        "the noise is too large to decide, or the time of the session was over",
        "is shown as `?`; it neither passes nor fails, and never counts as ok",
        "run the command after `to settle it`, or measure on a quieter machine: "
        "[a busy machine](../how-to/busy-machine.md)",
    ),
    Verdict.NEW: Told(
        "the check has no baseline",
        "fails if other checks in its folder have a baseline. Passes, as NOT GATED, if the folder holds none at all "
        "(unless `--modelbench-missing=fail`), or if the session compares with other code that does not measure it",
        "accept it with `--update-baselines`",
    ),
    Verdict.INCOMPARABLE: Told(
        "the baseline is of another workload (such as other data) or another environment (such as other precision "
        "switches)",
        "fails",
        "another workload: if that is intended, accept it with `--update-baselines`. Another environment: measure as "
        "for the baseline, or keep both, each in a folder of its own (`--modelbench-baselines DIR`)",
    ),
}
#: Of a session: 2, 3 and 5 are pytest's own.
SESSION: Mapping[int, str] = {
    0: "nothing failed: all checks are ok, unchanged, improved or new",
    1: "a check regressed; a test failed; a test that has a baseline was skipped or is gone; a listed model was "
    "skipped; `--update-baselines` refused something; or, with `--modelbench-drift=fail`, a check drifted. "
    "With `--modelbench-bisect`: the revision of some change was not found, nothing changed, or some test "
    "could not be searched for",
    2: "the session was interrupted: nothing was accepted",
    3: "pytest itself failed",
    4: "nothing could be gated: wrong options, a baseline that cannot be used, every test skipped, or a file that "
    "could not be written",
    5: "no test was collected",
    INCONCLUSIVE: "nothing regressed, but a check is inconclusive; `--modelbench-inconclusive=pass` makes this 0",
}
COMMAND: Mapping[int, str] = {
    FINE: "fine",
    REFUSED: "something was refused, or is a problem",
    INTERRUPTED: "it was interrupted",
    UNUSABLE: "wrong usage, a file that cannot be used, or a service that does not answer",
}


def render() -> str:
    """The page of all verdicts and exit statuses."""
    verdicts = [[f"**{verdict.value}**", *VERDICTS[verdict]] for verdict in Verdict]
    parts = [
        _INTRODUCTION,
        table(("verdict", "it means", "the test", "what to do"), verdicts),
        "## Exit statuses of a session",
        "These are the exit statuses of `pytest --modelbench`.",
        table(("status", "it means"), [[code(status), text] for status, text in SESSION.items()]),
        "## Exit statuses of the command `pytest-modelbench`",
        table(("status", "it means"), [[code(status), text] for status, text in COMMAND.items()]),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
