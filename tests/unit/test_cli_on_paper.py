"""``pytest-modelbench plan`` and ``predict``: a real model in a process of its own, and what cannot be told."""

import json

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.core.memory_plan import MemoryPlan
from pytest_modelbench.host.accelerators import accelerator_possible


@pytest.mark.slow
def test_a_plan_is_made_in_a_process_of_its_own(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo.py").write_text("def net():\n    from torch import nn\n    return nn.Conv2d(3, 16, 3)\n")
    assert main(["plan", "zoo:net", "--image-size", "66", "--batch-size", "4", "--json"]) == 0
    plan = MemoryPlan.of_json(json.loads(capsys.readouterr().out))
    assert plan.case == "zoo.net-b4-66-fp32"
    # 4 images of 66x66, of 3 channels; 16 channels of 64x64; 432 weights and 16 biases: in blocks of 512 bytes.
    sizes = {("inputs", ""): 209_408, ("activations", ""): 4 * 16 * 64 * 64 * 4, ("parameters", ""): 2048 + 512}
    assert {(part.kind.value, part.module): part.size_bytes for part in plan.parts} == sizes
    assert plan.peak_bytes == sum(sizes.values())


@pytest.mark.slow
def test_what_torch_has_to_say_is_said(capsys):
    assert main(["plan", "resnet5"]) == 4
    assert "has no model 'resnet5'. Did you mean" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        ("rtx307", "'rtx307' is neither a size, as 16GiB, nor a card. Did you mean 'rtx3070'"),
        ("0GiB", "'0GiB' is neither a size"),
        ("16", "'16' is neither a size"),
        ("t4,,", "'' is neither a size"),
    ],
)
def test_a_memory_that_cannot_be_is_refused_before_anything_is_built(capsys, fit, told):
    assert main(["plan", "resnet18", "--fit", fit]) == 4
    assert told in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(accelerator_possible(), reason="there may be a device")
def test_without_a_device_nothing_is_verified_and_why_is_said(capsys):
    assert main(["plan", "resnet18", "--verify"]) == 4
    assert "cuda" in capsys.readouterr().err


@pytest.mark.slow
def test_a_prediction_is_made_in_a_process_of_its_own(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo.py").write_text("def net():\n    from torch import nn\n    return nn.Conv2d(3, 16, 3)\n")
    asked = ["predict", "zoo:net", "--image-size", "66", "--batch-size", "64", "--device", "rtx4090,here", "--json"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    (device,) = told["devices"]
    assert (told["case"], told["batch_size"]) == ("zoo.net-b64-66", 64)
    assert (device["device"], device["precision"], device["launch_bound"]) == ("rtx4090", "amp-fp16", False)
    assert device["seconds"] > 0
    assert told["here"]["floor_s"] > 0
    assert told["here"]["measured_s"] > 0


@pytest.mark.parametrize(
    ("device", "told"),
    [("rtx409", "no timings to predict those of 'rtx409' by. Did you mean 'rtx4090'"), ("", "those of ''")],
)
def test_a_device_that_nobody_timed_is_refused_before_anything_is_built(capsys, device, told):
    assert main(["predict", "resnet18", "--device", device]) == 4
    assert told in capsys.readouterr().err
