"""What can be judged at all: new checks, and what is not the same measurement."""

from dataclasses import replace

import pytest

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import Procedure
from pytest_modelbench.judge.state import Event
from pytest_modelbench.report.reasons import sentences
from tests.unit.simulated import BESIDE_CONV, baseline, measurement, ruling

MEASURED = [measurement(number, log_ratio=one) for number, one in enumerate((0.0, 0.004, -0.004))]
LOOKS = Procedure((3, 5, 8))


def test_without_baseline_it_is_new_once_it_is_measured_often_enough():
    assert ruling(MEASURED[:1], None, LOOKS).event is Event.UNDECIDED
    told = ruling(MEASURED, None, LOOKS)
    assert (told.judgement.verdict, told.event) == (Verdict.NEW, Event.DECIDED)
    assert told.judgement.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"case": "other-b1-224-fp32"}, "the case changed from 'other-b1-224-fp32' to 'case'"),
        ({"unit": "ms"}, "the unit changed from 'ms' to 's'"),
        ({"better": Better.HIGHER}, "the direction changed"),
        ({"comparability": Comparability()}, "the reference workload changed from none to 'conv'"),
        ({"comparability": replace(BESIDE_CONV, reference="conv-v0")},
         "the reference workload changed from 'conv-v0' to 'conv'"),
        ({"comparability": replace(BESIDE_CONV, data="digits")}, "the data changed from 'digits' to none"),
        ({"comparability": replace(BESIDE_CONV, recipe="ten steps")}, "the recipe changed from 'ten steps' to none"),
        ({"identity": {"threads": 4, "device": "cpu"}}, "another environment: threads 4 -> 1"),
        ({"identity": None}, "does not say in which environment"),
        ({"anchor": ()}, "the kind of measurement changed from 'deterministic' to 'noisy'"),
    ],
)  # fmt: skip
def test_what_is_not_the_same_measurement_is_incomparable_and_says_why(change, says):
    told = ruling(MEASURED, replace(baseline(), **change), LOOKS, identity={"threads": 1, "device": "cpu"})
    assert (told.judgement.verdict, told.event) == (Verdict.INCOMPARABLE, Event.DECIDED)
    assert says in sentences(told.judgement.reasons)


def test_judging_measurements_of_two_checks_together_is_refused():
    other = Measurement.of("macs", 1, NamedCase("case"), test="u")
    for measured in ([*MEASURED, other], []):
        with pytest.raises(ValueError, match="several checks, or of none"):
            ruling(measured, baseline())
