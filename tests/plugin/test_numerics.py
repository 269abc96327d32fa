"""Outputs held by ``modelbench.numerics``, through real workers."""

import pytest

pytestmark = pytest.mark.slow

NET = """
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

def test_net(build_model, modelbench):
    model = build_model(net, image_size=8)
    with torch.no_grad():
        model.module[-1].weight.mul_({factor})
    modelbench.numerics(model)
"""


def test_lifecycle_of_an_output(bench, accept, stored):
    """new -> accept -> ok -> weights off by less than is tolerated -> ok -> by more -> regressed, files untouched."""
    accept(source=NET.format(factor=1))
    before = stored()
    (entry,) = before["portable"]["test_it.py::test_net"].values()
    assert (entry["case"], entry["unit"], entry["better"]) == ("net-b1-8-fp32", "rms", "equal")
    bench().assert_outcomes(passed=1)
    bench(source=NET.format(factor=1.00005)).assert_outcomes(passed=1)
    result = bench(source=NET.format(factor=0.99))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "net-b1-8-fp32: output regressed: 0.* rms -> 0.* rms (*tolerated is 0.1%*",
            "*its numbers differ by up to 0.0*",
            "*if this is intended:  pytest --modelbench *--update-baselines test_it.py::test_net",
        ]
    )
    assert stored() == before


SWITCHES = """
import torch
from torch import nn

BACKENDS = torch.backends

class Obedient(nn.Module):
    '''Computes to three digits where it may, as tensor cores and some processors do.'''

    def forward(self, images):
        parts = BACKENDS.cuda.matmul, BACKENDS.cudnn.conv, BACKENDS.mkldnn.matmul, BACKENDS.mkldnn.conv
        exact = all(part.fp32_precision == "ieee" for part in parts)
        return images if exact else images.to(torch.bfloat16).float()

def switches():
    return (
        torch.get_float32_matmul_precision(), BACKENDS.cudnn.conv.fp32_precision, BACKENDS.mkldnn.conv.fp32_precision,
        BACKENDS.cudnn.benchmark, torch.are_deterministic_algorithms_enabled(),
    )

def test_net(build_model, modelbench):
    {change}
    before = switches()
    modelbench.numerics(build_model(Obedient, image_size=8))
    assert switches() == before
"""


def test_switches_of_a_test_do_not_reach_what_is_computed_and_stay_as_the_test_had_them(bench, accept):
    accept(source=SWITCHES.format(change="pass"))
    coarse = 'torch.set_float32_matmul_precision("medium"); BACKENDS.mkldnn.conv.fp32_precision = "bf16"'
    others = "torch.use_deterministic_algorithms(True); BACKENDS.cudnn.benchmark = True"
    bench(source=SWITCHES.format(change=f"{coarse}; {others}")).assert_outcomes(passed=1)
