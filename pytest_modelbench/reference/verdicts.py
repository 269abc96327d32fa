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

Each check (a metric of a test) has one verdict. The test fails if one of its checks does.
[Why there are seven](../trust.md#the-seven-verdicts), and how often they are wrong, is explained elsewhere.
"""


class Told(NamedTuple):
    """What a verdict means, what becomes of its test, and what to do."""

    means: str
    test: str
    way_out: str


VERDICTS: Mapping[Verdict, Told] = {
    Verdict.OK: Told("the change is smaller than the band", "passes", "nothing"),
    Verdict.UNCHANGED: Told(
        "nothing differs since the baseline that could change a time: no code, package, option or machine setting; "
        "how large the change is does not matter",
        "passes",
        "nothing; if the session says THE MACHINE MOVED, accept anew once that stays so (`--modelbench-machine=fail` "
        "fails such a test)",
    ),
    Verdict.REGRESSED: Told(
        "it became worse: a time surely by more than half its band ([why half](../trust.md#the-seven-verdicts)), what "
        "does not vary by more than its band",
        "fails",
        "read `where` in the message; revert the change, or [accept it](../how-to/intended-change.md)",
    ),
    Verdict.IMPROVED: Told(
        "it became better, by as much",
        "passes",
        "accept it, or the gain can be lost again without anybody noticing",
    ),
    Verdict.INCONCLUSIVE: Told(
        "the noise is too large to tell",
        "is shown as `?`; it neither passes nor fails, and never counts as ok",
        "run the command after `to settle it`, or run again on a quieter machine: "
        "[a busy machine](../how-to/busy-machine.md)",
    ),
    Verdict.NEW: Told(
        "there is no baseline of it",
        "fails where others in its folder have one; passes, as NOT GATED, where the folder holds none at all (unless "
        "`--modelbench-missing=fail`), and beside other code that does not have it",
        "accept it with `--update-baselines`",
    ),
    Verdict.INCOMPARABLE: Told(
        "the baseline is of another workload (other data, another recipe) or another environment (precision switches, "
        "say)",
        "fails",
        "of another workload: accept it with `--update-baselines`, if that was meant; of another environment: measure "
        "as the baseline was, or keep both, each in a folder of its own (`--modelbench-baselines DIR`)",
    ),
}
#: Of a session: 2, 3 and 5 are pytest's own.
SESSION: Mapping[int, str] = {
    0: "every test passed, and what could be compared was ok, unchanged, improved or new",
    1: "a check regressed, a test failed, a test that has a baseline was skipped or is gone, a listed model was "
    "skipped, `--update-baselines` refused something, or, with `--modelbench-drift=fail`, a level drifted; with "
    "`--modelbench-bisect`, the revision of some change was not found, nothing changed, or some test could not be "
    "searched for",
    2: "the session was interrupted: nothing was accepted",
    3: "pytest itself failed",
    4: "nothing could be gated: wrong options, a baseline that cannot be used, every test skipped, or a file that "
    "could not be written",
    5: "no test was collected",
    INCONCLUSIVE: "nothing regressed, and something is inconclusive; `--modelbench-inconclusive=pass` makes it 0",
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
        "They are those of `pytest --modelbench`.",
        table(("status", "it means"), [[code(status), text] for status, text in SESSION.items()]),
        "## Exit statuses of the command `pytest-modelbench`",
        table(("status", "it means"), [[code(status), text] for status, text in COMMAND.items()]),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
