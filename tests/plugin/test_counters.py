"""Counters and breakdowns through real workers: a planted change is told with the part of the model it is in."""

import pytest

NET = """
def net(planted=""):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, last):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
            self.act = nn.GELU() if planted == "activation" else nn.ReLU()
            self.last = last

        def forward(self, images):
            images = self.act(self.conv(images))
            if planted == "layout" and self.last:
                images = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
                images = images.permute(0, 3, 1, 2)
            if planted == "wait" and self.last:
                images = images * images.abs().amax().item()
            return images

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 1)
            blocks = 4 if planted == "block" else 3
            self.stages = nn.ModuleList([nn.Sequential(*(Block(n == 2) for n in range(blocks))) for _ in range(2)])

        def forward(self, images):
            images = self.stem(images)
            for stage in self.stages:
                images = stage(images)
            return images.mean((2, 3))

    return Net()

def test_net(build_model, modelbench):
    model = build_model(net, image_size=16, planted=PLANTED, batch_size=1)
    modelbench.counters(model)
    modelbench.cost(model)
    modelbench.peak_memory(model)
"""


@pytest.fixture
def accepted(accept, stored):
    accept(source=planted(""))
    return stored()["portable"]["test_it.py::test_net"]


def planted(what):
    return NET.replace("PLANTED", repr(what))


@pytest.mark.slow
def test_breakdowns_are_stored_and_a_planted_change_is_told_with_its_place(accepted, bench):
    assert {name for name, entry in accepted.items() if "breakdown" in entry} == {
        *("operators", "copied_bytes", "allocations", "synchronizations"),
        *("parameters", "parameter_bytes", "macs", "peak_live_memory"),
    }
    bench(source=planted("")).assert_outcomes(passed=1)
    result = bench(source=planted("layout"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*net-b1-16-fp32: operators regressed: * (+2), no change is tolerated",
            "  where     stages, and nowhere else",
            "  what      +2 aten::clone in .0.2 ... .1.2",
            "*copied_bytes regressed: * (+8.00 KiB), no change is tolerated",
            "  what      +8.00 KiB aten::clone in .0.2 ... .1.2",
        ]
    )
    result = bench(source=planted("activation"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*operators regressed: *",
            "  where     stages, and nowhere else",
            "  what      -6 aten::relu in .0.0.act ... .1.2.act",
            "            +6 aten::gelu in .0.0.act ... .1.2.act",
        ]
    )
    result = bench(source=planted("wait"))
    result.stdout.fnmatch_lines(
        [
            "*synchronizations regressed: 0 -> 2 (+2), no change is tolerated",
            "  where     stages, and nowhere else",
            "  what      +2 aten::_local_scalar_dense in .0.2 ... .1.2",
        ]
    )
    result = bench(source=planted("block"))
    result.stdout.fnmatch_lines(
        [
            "*parameters regressed: *",
            "  where     stages, and nowhere else",
            "*macs regressed: *",
            "  where     stages, and nowhere else",
            "  what      +36,864 aten::convolution in .0.3.conv ... .1.3.conv",
        ]
    )


@pytest.mark.slow
def test_what_is_stored_without_a_breakdown_gets_one_when_it_is_accepted_again(accepted, accept, stored, pytester):
    (path,) = (pytester.path / "baselines" / "portable").glob("*.json")
    macs = accepted["macs"]["breakdown"]
    path.write_text(path.read_text().replace(f', "breakdown": "{macs}"', ""))
    assert "breakdown" not in stored()["portable"]["test_it.py::test_net"]["macs"]
    accept()
    assert stored()["portable"]["test_it.py::test_net"]["macs"]["breakdown"] == macs
