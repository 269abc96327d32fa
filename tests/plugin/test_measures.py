"""What a session tells of measures that reach less than they seem to."""

import pytest

TOWERS = """
import torch
from torch import nn

class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.visual, self.text = nn.Linear(12, 3), nn.Embedding(20, 3)

    def forward(self, image=None, text=None):
        return [self.visual(image.flatten(1)) if text is None else self.text(text)]

def test_towers(build_model, modelbench):
    modelbench.cost(build_model(Towers, image_size=2))
"""


@pytest.mark.slow
def test_a_part_that_never_runs_is_told_once_and_not_by_every_process(accept, stored):
    result = accept(source=TOWERS)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_towers",
            "*test_it.py:13: UnreachedWarning: test_it.py::test_towers: 60 of the 99 parameters of Towers-b1-2-fp32 "
            "(61%) take no part in its forward pass: text (60). *",
        ]
    )
    assert stored()["portable"]["test_it.py::test_towers"]["macs"]["value"] == 36
