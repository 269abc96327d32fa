"""Every reason as a sentence."""

from typing import get_args

import pytest

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.reasons import (
    AssumedSpread,
    Beside,
    BetweenLooks,
    Cleared,
    Disturbed,
    DisturbedBaseline,
    Drifted,
    EnvironmentMoved,
    ItemsChanged,
    MachineMoved,
    MayBeAway,
    MeasuredAgain,
    NoPairs,
    NotConfirmed,
    NotEverywhere,
    NumbersDiffer,
    Objection,
    OtherEnvironment,
    OtherKey,
    OutOfBudget,
    PairsSoFar,
    Parted,
    Placed,
    Reason,
    SameCode,
    SamplesChanged,
    Since,
    UnknownEnvironment,
    UnknownWhetherAway,
    Varies,
)
from pytest_modelbench.report import reasons
from pytest_modelbench.report.reasons import band_in_words, lines, sentence, sentences

MOVED = (Difference("torch", "2.14", "2.15"), Difference("driver", 570, 575))
AWAY = MayBeAway(1.071, 1.05)
CLEARED = Cleared(Beside("commit abc", 5, 0), faster=False)
FASTER = Cleared(Beside("commit abc", 5, 1), faster=True)
SAMPLES = (3, 1, 20, -0.1, -0.25, 0.05)

TEXTS = [
    (OtherKey("case", "a", "b"), "the case changed from 'a' to 'b'"),
    (OtherKey("data", "", "b"), "the data changed from none to 'b'"),
    (OtherKey("recipe", "a", ""), "the recipe changed from 'a' to none"),
    (UnknownEnvironment(), "its file does not say in which environment it was recorded"),
    (OtherEnvironment(MOVED), "it was recorded in another environment: torch 2.14 -> 2.15, driver 570 -> 575"),
    (BetweenLooks(3, 9), "measured in 3 of 9 processes"),
    (Disturbed(3, 4, "steal"), "the machine was disturbed in 3 of 4 processes; steal"),
    (
        Drifted(0.1823),
        "the machine itself runs 20% slower than when the baseline was recorded, too much to correct for",
    ),
    (
        Drifted(-0.1823),
        "the machine itself runs 17% faster than when the baseline was recorded, too much to correct for",
    ),
    (AWAY, "the change may be as large as +7.1%, and up to +5.0% is tolerated"),
    (
        AssumedSpread(one_process=False),
        "the baseline was recorded in one session, so how much days differ is taken from other tests, or assumed",
    ),
    (
        AssumedSpread(one_process=True),
        "the baseline was recorded in one process, so how much it varies is assumed",
    ),
    (
        NoPairs("this clone is shallow"),
        "it was not measured side by side with the baseline's code: this clone is shallow",
    ),
    (
        NotConfirmed("commit abc", "it does not start"),
        "it could not be measured side by side with commit abc: it does not start",
    ),
    (OutOfBudget(90.0), "the time budget of 1 min 30 s was used up (--modelbench-budget)"),
    (OutOfBudget(90.0, "--session-timeout"), "the time budget of 1 min 30 s was used up (--session-timeout)"),
    (NotEverywhere(), "only some of the processes measured it: let each process measure it"),
    (PairsSoFar("commit abc", 2, 20, 0), "measured side by side with commit abc in 2 of 20 pairs"),
    (
        PairsSoFar("commit abc", 2, 20, 1),
        "measured side by side with commit abc in 2 of 20 pairs; the machine was disturbed in 1 of them",
    ),
    (Beside("commit abc", 5, 0), "measured side by side with commit abc in 5 pairs of processes"),
    (
        Beside("commit abc", 5, 2, AWAY),
        "measured side by side with commit abc in 5 pairs of processes; the machine was disturbed in 2 of them: "
        "the change may be as large as +7.1%, and up to +5.0% is tolerated",
    ),
    (SameCode(), "the code is that of the baseline"),
    (CLEARED, "the code is as fast as that of commit abc, side by side in 5 pairs"),
    (
        FASTER,
        "the code is faster than that of commit abc, side by side in 5 pairs; the machine was disturbed in 1 of them",
    ),
    (
        MeasuredAgain(CLEARED, 1, 4),
        "the code is as fast as that of commit abc, side by side in 5 pairs, but differed from the stored value; "
        "measured again in 1 of 4 processes",
    ),
    (
        UnknownWhetherAway(CLEARED),
        "the code is as fast as that of commit abc, side by side in 5 pairs, but noise hides whether both differ "
        "from the stored value",
    ),
    (
        EnvironmentMoved(SameCode(), MOVED[:1]),
        "the environment changed, not the code: the code is that of the baseline; "
        "since the baseline: torch 2.14 -> 2.15",
    ),
    (
        EnvironmentMoved(CLEARED, MOVED[:1]),
        "the environment changed, not the code: the code is as fast as that of commit abc, side by side in 5 "
        "pairs, but both differ from the "
        "stored value; since the baseline: torch 2.14 -> 2.15",
    ),
    (
        MachineMoved(SameCode(), 1.2),
        "the machine changed, not the code: the code is that of the baseline, and no version changed",
    ),
    (
        MachineMoved(SameCode(), 1.2, files=True),
        "the machine or files that git does not have changed, not the code that git has: the code is that of the "
        "baseline, and no version changed",
    ),
    (
        MachineMoved(CLEARED, 1.2),
        "the machine changed, not the code: the code is as fast as that of commit abc, side by side in 5 pairs, "
        "but both differ from the "
        "stored value, and no version changed",
    ),
    (Since(MOVED), "since the baseline: torch 2.14 -> 2.15, driver 570 -> 575"),
    (
        Since(MOVED, alike=True),
        "since the baseline, but the same on both sides of the comparison: torch 2.14 -> 2.15, driver 570 -> 575",
    ),
    (
        DisturbedBaseline(12, 0.0204, 1.0883),
        "the baseline was accepted on a disturbed machine (12 processes disturbed, spread 2.0%), so up to +8.8% is "
        "tolerated",
    ),
    (Since(4 * MOVED), "since the baseline: torch 2.14 -> 2.15, driver 570 -> 575, 6 others"),
    (
        Since((Difference("nvidia-cudnn-cu12", "9.10.2.21", "9.20.0.48"), *MOVED)),
        "since the baseline: nvidia-cudnn-cu12 9.10.2.21 -> 9.20.0.48, torch 2.14 -> 2.15, 1 other",
    ),
    (
        SamplesChanged(*SAMPLES, lost_names=("cat/1.jpg", "cat/2.jpg", "dog/7.jpg"), won_names=("dog/2.jpg",)),
        "3 of 20 samples newly wrong: cat/1.jpg, cat/2.jpg, dog/7.jpg; 1 newly right: dog/2.jpg; "
        "on average -10.0 pp (95 % sure: -25.0 to +5.0)",
    ),
    (
        SamplesChanged(17, 0, 20, -0.1, -0.25, 0.05, lost_names=tuple(map(str, range(17)))),
        "17 of 20 samples newly wrong: 0, 1, 2, 3, 4 and 12 more; on average -10.0 pp (95 % sure: -25.0 to +5.0)",
    ),
    (
        SamplesChanged(*SAMPLES, lost_names=("a", "b", "c"), won_names=("d",), graded=True),
        "3 of 20 samples got worse: a, b, c; 1 got better: d; on average -10.0 pp (95 % sure: -25.0 to +5.0)",
    ),
    (
        SamplesChanged(0, 0, 20, 0.0, -0.004, 0.004, excused=True, graded=True),
        "none of 20 samples changed; on average +0.0 pp (95 % sure: -0.4 to +0.4); that may be chance",
    ),
    (Varies(), "it should be the same in every process, but is not: something is drawn at random"),
    (
        ItemsChanged("count", (ItemChange("stem.conv", "aten::clone", 0, 2),)),
        "in stem.conv: +2 aten::clone",
    ),
    (
        Placed(ItemsChanged("ns", (ItemChange("stem.conv", "Conv2d", 1_000_000, 3_000_000),))),
        "in stem.conv: +2.00 ms of +2.00 ms",
    ),
    (
        Parted("layer2.0.act1", 0.12345),
        "layer2.0.act1 is the first part to differ, by 12% of its rms",
    ),
    (Parted("layer2", 1.3), "layer2 is the first part to differ, by 130% of its rms"),
    (Parted("", None), "the model itself is the first part to differ, and the baseline has nothing comparable there"),
    (NumbersDiffer(0.000123456), "numbers computed from the output moved by up to 0.000123"),
    (NumbersDiffer(784.2, 0.0005), "numbers computed from the output moved by up to 784, and 0.0005 is tolerated"),
    (
        SamplesChanged(*SAMPLES, excused=True),
        "3 of 20 samples newly wrong; 1 newly right; on average -10.0 pp (95 % sure: -25.0 to +5.0); "
        "that may be chance",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection()),
        "3 of 20 samples newly wrong; 1 newly right; on average -10.0 pp (95 % sure: -25.0 to +5.0); "
        "that is more than chance explains",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection(limit=0.05)),
        "3 of 20 samples newly wrong; 1 newly right; on average -10.0 pp (95 % sure: -25.0 to +5.0); "
        "a change of more than 5.0 pp is never taken for chance",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection(unexplained=-0.004)),
        "3 of 20 samples newly wrong; 1 newly right; on average -10.0 pp (95 % sure: -25.0 to +5.0); "
        "the figure itself moved by -0.4 pp, which these samples do not explain",
    ),
]


@pytest.mark.parametrize(("reason", "text"), TEXTS)
def test_reasons_are_told_in_these_words(reason, text):
    assert sentence(reason) == text


def test_every_kind_of_reason_has_a_sentence_and_is_told_above():
    kinds = set(get_args(Reason))
    assert set(reasons._SENTENCES) == kinds
    assert {type(reason) for reason, _ in TEXTS} == kinds


def test_kinds_are_told_apart_in_files():
    kinds = [kind.__dataclass_fields__["kind"].default for kind in get_args(Reason)]
    assert len(set(kinds)) == len(kinds)


def test_several_reasons_are_one_line():
    assert sentences([BetweenLooks(3, 9), Varies()]) == (
        "measured in 3 of 9 processes; it should be the same in every process, but is not: something is drawn at random"
    )
    assert sentences([]) == ""


def test_below_a_headline_each_reason_and_the_names_of_samples_have_lines_of_their_own():
    told = lines([BetweenLooks(3, 9), SamplesChanged(*SAMPLES, lost_names=("a",), won_names=("b",)), Varies()])
    assert told == [
        "measured in 3 of 9 processes",
        "3 of 20 samples newly wrong: a",
        "1 newly right: b",
        "on average -10.0 pp (95 % sure: -25.0 to +5.0)",
        "it should be the same in every process, but is not: something is drawn at random",
    ]
    assert lines([]) == []


@pytest.mark.parametrize(
    ("band", "text"),
    [("sampling", "what chance explains"), ("sampling + 1pp", "what chance explains + 1pp"), ("0.5pp", "0.5pp")],
)
def test_a_band_is_told_in_words(band, text):
    assert band_in_words(parse_band(band, "fraction", "")) == text
