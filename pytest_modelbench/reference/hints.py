"""What stands around the reasons of a verdict: headlines, hints, lines in capitals and marks, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

#: Headlines, and lines below them that are no reasons; ``...`` stands for figures and names. A test finds their words.
HINTS: Mapping[str, tuple[str, str]] = {
    "... regressed ...": (
        "The check is worse: a time surely by more than half its band, what does not vary by more than its band.",
        "Read `where`; revert the change, or [accept it](../how-to/intended-change.md).",
    ),
    "... is inconclusive: ... seen": (
        "What was seen is so noisy that the change may lie within the band or beyond it.",
        "Run the command after `to settle it`: [a busy machine](../how-to/busy-machine.md).",
    ),
    "... cannot be compared with its baseline: ...": (
        "It measures another workload than its baseline, or in another environment: the reason follows.",
        "See *other key* and *other environment* above.",
    ),
    "no baseline for ... in ...: nothing there yet": (
        "That folder holds no baseline at all. It fails only with `--modelbench-missing=fail`.",
        "Accept one: the command follows.",
    ),
    "no baseline for ... in ..., though ... stored there; was it renamed?": (
        "Others have a baseline in that folder, and this one has none: the test is new, or has another name or other "
        "parameters.",
        "If it is new, accept it; if it was renamed, `pytest-modelbench rename OLD NEW` keeps its baselines.",
    ),
    "... is of unchanged code: ... seen": (
        "Nothing differs since the baseline, and the time is another one. It fails with `--modelbench-machine=fail`.",
        "See `THE MACHINE MOVED` below.",
    ),
    "it fails since it is surely beyond half of that: ...": (
        "The change is smaller than the band, and fails all the same: a time fails from "
        "[half the band](../trust.md#the-seven-verdicts) on.",
        "Nothing: it explains the verdict. A wider band is an argument of the [marker](marker.md).",
    ),
    "about ... would settle it": (
        "So many more processes, or pairs of them, would probably decide the check.",
        "Run the command after `to settle it`, which has them.",
    ),
    "no number of processes would settle it": (
        "How far days differ is unknown by more than the band: more processes of today do not tell it.",
        "Compare with code (`--modelbench-against REF`), widen the band, or find a quieter machine.",
    ),
    "it lies on the edge of the band": (
        "The change is so near to the band, or to half of it, that no number of pairs would decide.",
        "Accept it or widen the band.",
    ),
    "a change of ... would be found in 4 of 5 sessions like this one": (
        "How fine this session sees: smaller regressions may stay inconclusive.",
        "Nothing: it tells whether the machine is good enough for the band.",
    ),
    "the machine itself was ..., by the reference workload; the change above leaves that out": (
        "The whole machine ran at another speed than for the baseline, so the change is not the ratio of `now` and "
        "`baseline`.",
        "Nothing: it explains the verdict.",
    ),
    "...; the change is that of the pairs": (
        "The verdict is that of pairs of processes, old and new code in turns; `now` and `baseline` play no part.",
        "Nothing: it explains the verdict.",
    ),
    "it is bound by launching, which takes the CPU ...: the device waits for that": (
        "The accelerator waits for the CPU: the time is how long it takes to launch the work.",
        "Look at the host: [how a time is taken](../gpu.md#how-a-time-is-taken).",
    ),
    "the packages installed are those of the baseline": (
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
        "Something was not compared with anything: no baseline yet, a baseline without a test, a test that was "
        "skipped, failed or measured nothing.",
        "The line ends with what it is, and mostly with the command. `--modelbench-missing=fail` turns missing "
        "baselines into failures.",
    ),
    "NOTHING GATED": ("Every test was skipped. The exit status is 4.", "Install what the tests lack: run with `-rs`."),
    "THE MACHINE MOVED": (
        "Times are surely other ones than those stored, and no code or version is to blame.",
        "If it stays so, accept anew. `--modelbench-machine=fail` makes it fail.",
    ),
    "NOT ACCEPTED": (
        "A value was refused as a baseline, or a whole test: the line says why. The exit status is 1.",
        "See what cannot become a baseline, below.",
    ),
    "NOT WRITTEN": (
        "A file could not be written: no such folder, no permission, no space. The exit status is 4.",
        "The line says where it was kept instead, if anywhere, and the command that brings it home.",
    ),
    "NOT KEPT in the history": (
        "The session could not be added to the history. Verdicts and the exit status stand.",
        "The line says why, and mostly has the command that adds it later.",
    ),
    "INCONCLUSIVE": (
        "The head of a section, with a message for each test of which nothing is known for sure. The exit status is "
        "10.",
        "Run the command after `to settle it`: [a busy machine](../how-to/busy-machine.md).",
    ),
    "DRIFT": (
        "By the history, a level changed for the worse within its band, or a check crept beyond its band from baseline "
        "to baseline. Only with `--modelbench-drift`; `fail` makes the exit status 1.",
        "A changed level: the commands below the line accept it, if it is meant. What crept: "
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
    "*": "the change leaves out how much faster or slower the whole machine was, so it is not the ratio of both times",
    "†": "the change was measured beside the baseline's code in pairs of processes, not against the stored value",
    "‡": "the value is what the CPU takes to launch work, not what the accelerator takes to do it",
}
