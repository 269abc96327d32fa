"""Outputs held by ``modelbench.numerics``, through real workers."""

import pytest

pytestmark = pytest.mark.slow

NET = """
def net():
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

def test_net(build_model, modelbench):
    import torch

    model = build_model(net, image_size=8)
    with torch.no_grad():
        model.module[-1].weight.mul_({factor})
    modelbench.numerics(model)
"""


@pytest.mark.long
def test_lifecycle_of_an_output(bench, accept, stored):
    """accept -> weights off by less than is tolerated -> ok -> by more -> regressed, files untouched."""
    accept(source=NET.format(factor=1))
    before = stored()
    (entry,) = before["portable"]["test_it.py::test_net"].values()
    assert (entry["case"], entry["unit"], entry["better"]) == ("net-b1-8-fp32", "rms", "equal")
    bench(source=NET.format(factor=1.00005)).assert_outcomes(passed=1)
    result = bench(source=NET.format(factor=0.99))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "net-b1-8-fp32: output regressed: 0.* rms -> 0.* rms (*0.1% is tolerated*",
            "  where     4 is the first part to differ, by *% of its rms",
            "*numbers computed from the output moved by up to 0.0*, and 0.* is tolerated*",
            "*if this is intended:  pytest --modelbench *--update-baselines test_it.py::test_net",
        ]
    )
    assert stored() == before


SWITCHES = """
def test_net(build_model, modelbench):
    import torch

    backends = torch.backends

    class Exact(torch.nn.Module):
        def forward(self, images):
            parts = backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv
            assert {part.fp32_precision for part in parts} == {"ieee"}
            assert torch.get_float32_matmul_precision() == "highest"
            return images

    def switches():
        return (
            torch.get_float32_matmul_precision(), backends.cudnn.conv.fp32_precision,
            backends.mkldnn.conv.fp32_precision, torch.are_deterministic_algorithms_enabled(),
        )

    torch.set_float32_matmul_precision("medium")
    backends.mkldnn.conv.fp32_precision = "bf16"
    torch.use_deterministic_algorithms(True)
    modelbench.numerics(build_model(Exact, image_size=8))
    assert switches() == ("medium", "tf32", "bf16", True)
"""


def test_precision_that_a_test_gives_up_is_not_given_up_for_the_output_and_stays_as_the_test_has_it(bench):
    bench(source=SWITCHES).assert_outcomes(passed=1)
