"""Every reason as a sentence."""

from typing import get_args

import pytest

from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.reasons import (
    AssumedSpread,
    Beside,
    BetweenLooks,
    Cleared,
    Disturbed,
    Drifted,
    EnvironmentMoved,
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
    Reason,
    SameCode,
    SamplesChanged,
    Since,
    UnknownEnvironment,
    UnknownWhetherAway,
    Varies,
)
from pytest_modelbench.report import reasons
from pytest_modelbench.report.reasons import sentence, sentences

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
        "the machine itself runs 20% slower than when the baseline was recorded, too much to be left out",
    ),
    (
        Drifted(-0.1823),
        "the machine itself runs 17% faster than when the baseline was recorded, too much to be left out",
    ),
    (AWAY, "the change may be as large as +7.1%, and up to +5.0% is tolerated"),
    (
        AssumedSpread(one_process=False),
        "the baseline was recorded in one session, so how much it varies from day to day is assumed",
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
    (OutOfBudget(90.0), "the budget of 1 min 30 s was over"),
    (NotEverywhere(), "only some of the processes measured it"),
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
    (SameCode(), "the code is the very same"),
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
        "the code is as fast as that of commit abc, side by side in 5 pairs, but whether both differ from the stored "
        "value cannot be told",
    ),
    (
        EnvironmentMoved(SameCode(), MOVED[:1]),
        "the environment changed, not the code: the code is the very same; since the baseline: torch 2.14 -> 2.15",
    ),
    (
        EnvironmentMoved(CLEARED, MOVED[:1]),
        "the environment changed, not the code: the code is as fast as that of commit abc, side by side in 5 "
        "pairs, but both differ from the "
        "stored value; since the baseline: torch 2.14 -> 2.15",
    ),
    (MachineMoved(SameCode()), "the machine changed, not the code: the code is the very same, and no version did"),
    (
        MachineMoved(CLEARED),
        "the machine changed, not the code: the code is as fast as that of commit abc, side by side in 5 pairs, "
        "but both differ from the "
        "stored value, and no version did",
    ),
    (Since(MOVED), "since the baseline: torch 2.14 -> 2.15, driver 570 -> 575"),
    (Varies(), "it should be the same in every process, and is not: something draws at random"),
    (NumbersDiffer(0.000123456), "numbers computed from the output moved by up to 0.000123"),
    (NumbersDiffer(784.2, 0.0005), "numbers computed from the output moved by up to 784, and 0.0005 is tolerated"),
    (SamplesChanged(*SAMPLES), "3 of 20 samples lost, 1 won: -10.0 pp (95 % sure: -25.0 to +5.0)"),
    (
        SamplesChanged(*SAMPLES, excused=True),
        "3 of 20 samples lost, 1 won: -10.0 pp (95 % sure: -25.0 to +5.0); chance explains that",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection()),
        "3 of 20 samples lost, 1 won: -10.0 pp (95 % sure: -25.0 to +5.0); chance does not explain that",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection(limit=0.05)),
        "3 of 20 samples lost, 1 won: -10.0 pp (95 % sure: -25.0 to +5.0); beyond 5.0 pp chance is no excuse",
    ),
    (
        SamplesChanged(*SAMPLES, excused=False, objection=Objection(unexplained=-0.004)),
        "3 of 20 samples lost, 1 won: -10.0 pp (95 % sure: -25.0 to +5.0); their mean does not explain -0.4 pp",
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
        "measured in 3 of 9 processes; it should be the same in every process, and is not: something draws at random"
    )
    assert sentences([]) == ""
