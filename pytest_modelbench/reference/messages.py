"""The page of messages: each reason as it reads, where it comes from, and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_modelbench.core import errors
from pytest_modelbench.core import reasons as why
from pytest_modelbench.core.acceptance import Cause
from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.environment import Difference
from pytest_modelbench.reference.hints import HINTS, LOUD, MARKS
from pytest_modelbench.reference.markdown import code, first_line, table
from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.reasons import lines

_INTRODUCTION = """\
# Messages

What a session says about a check, what causes it, and what to do. Search this page for words of the message; figures
and names here are examples. It explains:

- [why a verdict is what it is](#why-a-verdict-is-what-it-is)
- [headlines and hints](#headlines-and-hints) around that
- [lines in capitals](#what-stands-in-capitals)
- [marks in the table](#marks-in-the-table)
- [what cannot become a baseline](#what-cannot-become-a-baseline)

Texts of errors are not here: each says itself what mends it.

Written by `python -m pytest_modelbench.reference docs/reference`. A test holds the reasons, the lines in capitals and
the refusals to those of the code, and the headlines and hints to words that it prints.

## Why a verdict is what it is

These lines stand below the headline of a failing test, and in the notes of a session. A results file has them with
each check; its `kind` is the word in brackets here.
"""
_COMMIT = "commit 151a78b096"
_BESIDE = why.Beside(_COMMIT, 6, 0)
_MOVED = (Difference("torch", "2.14", "2.15"),)
_QUIETER = "Run it again on a quieter machine: [a busy machine](../how-to/busy-machine.md)."
_AGAIN = (
    "Run the command after `to settle it`, or run it again on a quieter machine: "
    "[a busy machine](../how-to/busy-machine.md)."
)
_ACCEPT = "If that is intended, accept again: `--update-baselines`."
_NOTHING = "Nothing: it explains the verdict."


class Told(NamedTuple):
    """A reason with figures, what causes it, and the way out."""

    example: why.Reason
    cause: str
    way_out: str


#: A test holds this to `core.reasons.Reason`: every kind is here.
REASONS: tuple[Told, ...] = (
    Told(
        why.OtherKey("case", "resnet50-b8-224-fp32", "resnet50-b16-224-fp32"),
        "The test measures another workload than its baseline did: another model, batch, input, data set, way of "
        "training, or reference workload.",
        _ACCEPT,
    ),
    Told(
        why.UnknownEnvironment(),
        "The file of the baseline was edited, or written by another tool.",
        "`git checkout` the file, or accept again.",
    ),
    Told(
        why.OtherEnvironment((Difference("tf32_matmul", False, True),)),
        "The baseline was recorded on such a device, but with other precision switches, other deterministic algorithms "
        "or another instruction set. (Other processors, cores and threads have a folder each. Versions do not count.)",
        "Measure as for the baseline. To keep both, give this environment a folder of its own with "
        "`--modelbench-baselines DIR`: a file holds one environment.",
    ),
    Told(
        why.BetweenLooks(4, 9),
        "The session ended, or its budget was used up, before the next number of processes that allows a verdict.",
        "Give it more time: `--modelbench-budget`.",
    ),
    Told(
        why.Disturbed(3, 4, "1.2 other processes on its core"),
        "Other programs used the core or slowed it down.",
        _QUIETER,
    ),
    Told(
        why.Drifted(0.18),
        "The machine as a whole runs at another speed, by far more than the reference workload can correct for.",
        "Look at clocks and neighbours with `pytest-modelbench doctor`.",
    ),
    Told(why.MayBeAway(1.071, 1.05), "The noise is too large to tell whether the change is within its band.", _AGAIN),
    Told(
        why.AssumedSpread(one_process=False),
        "The baseline is of one session, which does not tell how much times differ from day to day.",
        "Nothing: later sessions tell. See [nights](../baselines.md#nights).",
    ),
    Told(
        why.NoPairs("this clone is shallow"),
        "The baseline's commit cannot be measured side by side with this code: no git, a shallow clone, or "
        "`--modelbench-confirm=rerun`.",
        "Fetch the whole history (`fetch-depth: 0` in CI), and commit before you accept baselines.",
    ),
    Told(
        why.NotConfirmed(_COMMIT, "its test does not pass there"),
        "Old and new code should have been measured in turns, but the old code does not run here.",
        "Read the reason after the colon. If the old code has to be built first, say how: `--modelbench-build`. If it "
        "cannot run any more, accept again.",
    ),
    Told(
        why.OutOfBudget(600.0),
        "The session has taken the time that it may take.",
        "Raise `--modelbench-budget` (or the `--session-timeout` of pytest-timeout), or measure fewer tests at once.",
    ),
    Told(
        why.NotEverywhere(),
        "The test records this check in some of its processes only.",
        "Record it in every process: the condition around the measure depends on chance or on the process.",
    ),
    Told(
        why.PairsSoFar(_COMMIT, 2, 20, 0),
        "The session ended before enough pairs of processes were measured.",
        "Give it more time: `--modelbench-budget`.",
    ),
    Told(_BESIDE, "Old and new code were measured in turns on this machine.", _NOTHING),
    Told(why.SameCode(), "The commit is that of the baseline, with no changes on top.", _NOTHING),
    Told(why.Cleared(_BESIDE, faster=False), "Old and new code take the same time here and now.", _NOTHING),
    Told(
        why.MeasuredAgain(why.Cleared(_BESIDE, faster=False), 1, 4),
        "Old and new code take the same time, and both differ from the stored value. The session was measuring "
        "again to make sure.",
        "Give it more time: `--modelbench-budget`.",
    ),
    Told(
        why.UnknownWhetherAway(why.Cleared(_BESIDE, faster=False)),
        "Old and new code take the same time. The stored value is too uncertain to say whether the machine changed.",
        _AGAIN,
    ),
    Told(
        why.EnvironmentMoved(why.SameCode(), _MOVED),
        "The code is not slower, and versions of packages or drivers differ.",
        "Go back to the former version, or accept again. "
        "[Compare two versions](../how-to/two-versions.md) tells how much a version costs.",
    ),
    Told(
        why.MachineMoved(why.SameCode(), 1.12),
        "Neither the code that git has nor versions differ, but the time does: another host, another kernel, clocks, "
        "heat, or a file that git does not have, such as a compiled extension.",
        "If it stays so, accept again. `pytest-modelbench doctor` examines the machine.",
    ),
    Told(why.Since(_MOVED), "Versions differ from those of the baseline. That need not be the cause.", _NOTHING),
    Told(
        why.DisturbedBaseline(12, 0.0204, 1.0883),
        "The baseline was accepted with `--modelbench-even-if-disturbed`, so its band is wider.",
        "Accept again on a quieter machine.",
    ),
    Told(
        why.Varies(),
        "A value that should be the same in every process is not: weights, inputs or data are drawn at random.",
        "Seed what is drawn, or record it with `noisy=True`.",
    ),
    Told(
        why.NumbersDiffer(0.0123, 0.001),
        "The model computes something else on the same input.",
        "Read `where`: the first part that differs. " + _ACCEPT,
    ),
    Told(
        why.SamplesChanged(
            8, 1, 50, -0.14, -0.248, -0.021, excused=False, objection=why.Objection(0.02), lost_names=("cat/001.jpg",)
        ),
        "Other samples are right than before. *Newly wrong* ones were right before, *newly right* ones were wrong.",
        "Look at the samples that are named: [which samples changed](../accuracy.md#which-samples-changed).",
    ),
    Told(
        why.ItemsChanged("count", (ItemChange("layer3.1.conv1", "aten::convolution", 0, 147_456_000),)),
        "These parts of the model account for the change.",
        "Start to look there.",
    ),
    Told(why.Parted("layer3.0", 0.02), "All parts before this one compute the same as before.", "Start to look there."),
    Told(
        why.Placed(why.ItemsChanged("ns", (ItemChange("layer3.1", "Conv2d", 100_000, 574_000),))),
        "Old and new code were timed part by part, after the verdict.",
        "Start to look there.",
    ),
)
#: A test holds this to `core.acceptance.Cause`.
REFUSALS: Mapping[Cause, str] = {
    Cause.INTERRUPTED: "Run it to its end.",
    Cause.NO_ENVIRONMENT: "The session measured nothing: make another results file.",
    Cause.NOT_ENDED: "Run it to its end, or give the test more time: `timeout=` of the marker.",
    Cause.FAILED: "Mend the test first.",
    Cause.NOT_MEASURED: "The test recorded nothing: check that it reaches its measures.",
    Cause.DISTURBED: "Accept on a quieter machine, or with `--modelbench-even-if-disturbed`, which widens the band.",
    Cause.TOO_FAR_APART: "Make the workload longer or steadier, or widen its band.",
    Cause.TOO_FEW: "Accept on a quieter machine.",
    Cause.CONTRADICTED: "Seed what draws at random, or record it with `noisy=True`.",
    Cause.UNFIT: "Read the detail: mostly a value that is not finite, or of an impossible size.",
}


def render() -> str:
    """The page of all messages."""
    parts = [_INTRODUCTION, *(_section(one) for one in REASONS)]
    parts += ["## Headlines and hints", "`...` stands for figures and names."]
    parts += [table(("line", "cause", "way out"), [[code(line), *told] for line, told in HINTS.items()])]
    parts += ["## What stands in capitals"]
    parts += [table(("line", "cause", "way out"), [[f"`{line}`", *told] for line, told in LOUD.items()])]
    parts += ["## Marks in the table", table(("mark", "it means"), [[f"`{one}`", text] for one, text in MARKS.items()])]
    parts += ["## What cannot become a baseline"]
    parts += [
        "`--update-baselines` and `pytest-modelbench accept` refuse values that no later session could be compared "
        "with."
    ]
    refusals = [[cause.value, way_out] for cause, way_out in REFUSALS.items()]
    parts += [table(("message", "way out"), refusals)]
    parts += ["## Errors and warnings", "Each says what is wrong, where, and what mends it. Their classes:"]
    parts += [table(("class", "it means"), [[f"`{name}`", first_line(kind)] for name, kind in _classes()])]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _section(told: Told) -> str:
    """Headed by the first line of what is printed; where there are more, they follow."""
    shown = lines([told.example])
    parts = [f"### {escape(' '.join(shown[0].split()))} ({told.example.kind})"]
    parts += ["```text\n{}\n```".format("\n".join(shown))] if len(shown) > 1 else []
    return "\n\n".join([*parts, f"- **Cause:** {told.cause}\n- **Way out:** {told.way_out}"])


def _classes() -> list[tuple[str, type]]:
    kinds = (errors.ModelbenchError, UserWarning)
    own = [one for one in vars(errors).items() if isinstance(one[1], type) and one[1].__module__ == errors.__name__]
    return [(name, kind) for name, kind in own if issubclass(kind, kinds)]
