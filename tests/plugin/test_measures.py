"""What a session tells of measures that reach less than they seem to."""

import pytest

TOWERS = """
def towers():
    from torch import nn

    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.visual, self.text = nn.Linear(12, 3), nn.Embedding(20, 3)

        def forward(self, image=None, text=None):
            return [self.visual(image.flatten(1)) if text is None else self.text(text)]

    return Towers()

def test_towers(build_model, modelbench):
    modelbench.cost(build_model(towers, image_size=2))
"""


@pytest.mark.slow
def test_a_part_that_never_runs_is_told_once_and_not_by_every_process(accept, stored):
    result = accept(source=TOWERS)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_towers",
            "*test_it.py:15: UnreachedWarning: test_it.py::test_towers: 60 of the 99 parameters of towers-b1-2-fp32 "
            "(61%) take no part in its forward pass: text (60). *",
        ]
    )
    assert stored()["portable"]["test_it.py::test_towers"]["macs"]["value"] == 36


IDLE = """
import pytest

def test_records(modelbench, device_timer):
    modelbench.record("answer", 42)

def test_forgets(modelbench):
    pass

def test_is_skipped(modelbench):
    pytest.skip("not here")

@pytest.mark.modelbench
def test_times_nothing(device_timer, peak_memory):
    pass

@pytest.mark.modelbench
def test_asserts_by_itself(device_timer, peak_memory):
    assert device_timer(int).per_call_s < 1
    assert peak_memory(int).peak_bytes == 0

@pytest.mark.modelbench
def test_takes_nothing():
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("inline", [(), pytest.param(("--modelbench-inline",), marks=pytest.mark.long)])
def test_a_test_that_measures_nothing_is_told(bench, inline):
    result = bench(*inline, "--modelbench-order=keep", source=IDLE)
    result.assert_outcomes(passed=5, skipped=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "NOT GATED: 1 test skipped",
            "NOT GATED: 2 tests measured nothing",
            "    test_it.py::test_forgets  takes modelbench and records nothing, so that nothing of it is gated",
            "    test_it.py::test_times_nothing  takes device_timer and times nothing and takes peak_*",
        ],
        consecutive=False,
    )


@pytest.mark.slow
@pytest.mark.long
def test_a_test_that_no_more_measures_what_has_a_baseline_fails_as_ever(accept, bench):
    source = "def test_one(modelbench):\n    {}\n"
    accept(source=source.format("modelbench.record('answer', 42)"))
    result = bench(source=source.format("pass"))
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*measured nothing*")
