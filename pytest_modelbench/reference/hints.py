"""What stands around the reasons of a verdict: headlines, hints, lines in capitals and marks, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

#: Headlines, and lines below them that are no reasons; ``...`` stands for figures and names. A test finds their words.
HINTS: Mapping[str, tuple[str, str]] = {
    "... regressed ...": (
        "The check got worse: an exact value by more than its band, a time surely by more than half its band.",
        "Read `where`. Then revert the change, or [accept it](../how-to/intended-change.md).",
    ),
    "... is inconclusive: ... measured": (
        "The noise is too large: the true change may lie within the band or beyond it.",
        "Run the command after `to settle it`: [a busy machine](../how-to/busy-machine.md).",
    ),
    "... cannot be compared with its baseline: ...": (
        "The test measures another workload than its baseline did, or in another environment. The reason follows.",
        "See *other key* and *other environment* above.",
    ),
    "no baseline for ... in ...: nothing there yet": (
        "That folder holds no baseline at all. This fails only with `--modelbench-missing=fail`.",
        "Accept one: the command follows.",
    ),
    "no baseline for ... in ..., though it holds ...; was the test renamed?": (
        "Other checks have a baseline in that folder, and this one has none. The test is new, or its name or "
        "parameters changed.",
        "If it is new, accept it. If it was renamed, `pytest-modelbench rename OLD NEW` keeps its baselines.",
    ),
    "... of unchanged code: ... measured": (
        "Nothing that could change a time differs from the baseline, and the time is another one. This fails only with "
        "`--modelbench-machine=fail`.",
        "See `THE MACHINE MOVED` below.",
    ),
    "it fails because the change is surely more than half the band (...)": (
        "The change is smaller than the band, and fails all the same: a time fails from "
        "[half the band](../trust.md#the-seven-verdicts) on.",
        "Nothing: it explains the verdict. The [marker](marker.md) takes a wider band.",
    ),
    "about ... would settle it": (
        "So many more processes, or pairs of processes, would probably decide the check.",
        "Run the command after `to settle it`.",
    ),
    "no number of processes would settle it": (
        "How much days differ is uncertain by more than the band. More processes of today do not tell that.",
        "Compare with code (`--modelbench-against REF`), widen the band, or find a quieter machine.",
    ),
    "no number of pairs would settle it: the change is too close to the edge of the band": (
        "The change is so near to the band, or to half of it, that more pairs do not help.",
        "Accept it or widen the band.",
    ),
    "a change of ... would be found in 4 of 5 sessions like this one": (
        "How small a change this session can find. Smaller regressions may stay inconclusive.",
        "Nothing: it tells whether the machine is good enough for the band.",
    ),
    "the machine itself was ..., by the reference workload; the change above is corrected for that": (
        "The whole machine ran at another speed than for the baseline. So the change is not the ratio of `now` and "
        "`baseline`.",
        "Nothing: it explains the verdict.",
    ),
    "...; pairs leave that out": (
        "The change comes from pairs of processes, old and new code in turns. `now` and `baseline` play no part in it.",
        "Nothing: it explains the verdict.",
    ),
    "the device waits for the CPU, which takes ... to launch the work": (
        "The accelerator waits for the CPU. The time is that of launching the work on the CPU.",
        "Look at the host: [how a time is taken](../gpu.md#how-a-time-is-taken).",
    ),
    "the installed packages are the same as for the baseline": (
        "No version differs, so no package is to blame.",
        "Nothing: it explains the verdict.",
    ),
    "per process: ...": (
        "A value that should be the same in every process is not.",
        "See *varies* above.",
    ),
}
#: Capitals that begin a line of a session or a section, and what they mean.
LOUD: Mapping[str, tuple[str, str]] = {
    "NOT GATED": (
        "Something was not compared with anything: it has no baseline yet, or a baseline has no test, or a test was "
        "skipped, failed or measured nothing.",
        "The line says which, and mostly has the command. `--modelbench-missing=fail` turns missing baselines into "
        "failures.",
    ),
    "NOTHING GATED": ("Every test was skipped. The exit status is 4.", "Run with `-rs`, and install what is missing."),
    "THE MACHINE MOVED": (
        "Times surely differ from those stored, and no code or version is to blame: the machine itself changed.",
        "If it stays so, accept the new times. `--modelbench-machine=fail` makes such tests fail.",
    ),
    "NOT ACCEPTED": (
        "A value, or a whole test, was refused as a baseline. The line says why. The exit status is 1.",
        "See what cannot become a baseline, below.",
    ),
    "NOT WRITTEN": (
        "A file could not be written: no such folder, no permission, no space. The exit status is 4.",
        "The line says where the results were kept instead, if anywhere, and the command that uses them.",
    ),
    "NOT KEPT in the history": (
        "The session could not be added to the history. Verdicts and exit status are not affected.",
        "The line says why, and mostly has the command that adds it later.",
    ),
    "INCONCLUSIVE": (
        "Heads a section with a message for each test that noise, or a budget that was over, leaves undecided. The "
        "exit status is 10.",
        "Run the command after `to settle it`: [a busy machine](../how-to/busy-machine.md).",
    ),
    "DRIFT": (
        "By the history, a check got worse within its band, or crept beyond its band over several baselines. Printed "
        "only with `--modelbench-drift`; with `fail` the exit status is 1.",
        "If the new level is intended, the commands below the line accept it. For a check that crept: "
        "[what to do](../history.md#gating-on-drift).",
    ),
    "DRIFT NOT LOOKED AT": (
        "The history could not be read. With `--modelbench-drift=fail` the exit status is 1.",
        "The line says why: mostly a folder that is not there, or a branch that was not fetched.",
    ),
    "INTERRUPTED": ("The session was stopped. Nothing was recorded or accepted.", "Run it again."),
}
#: Signs behind values in the table, and what they mean.
MARKS = {
    "*": "the change is corrected for how fast the whole machine was, so it is not the ratio of both times",
    "†": "the change was measured in pairs of processes beside the baseline's code, not against the stored value",
    "‡": "the value is what the CPU takes to launch the work, not what the accelerator takes to do it",
}
