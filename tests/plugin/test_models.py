"""Real timm models through real workers: what they cost, how they fail, and what a real change looks like."""

import json

import pytest

#: It imports torch late, as the controller need not do: to collect is all that it does here.
MODEL = """
def small(blocks=1, width=16):
    import torch

    layers = [torch.nn.Conv2d(3, width, 3, padding=1)]
    for _ in range(blocks):
        layers += [torch.nn.Conv2d(width, width, 3, padding=1), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
"""

BROKEN = (
    MODEL
    + """
def test_unknown_model(build_model, modelbench):
    modelbench.cost(build_model("resnet5O"))

def test_zero_batch(build_model, modelbench):
    modelbench.cost(build_model("test_resnet", batch_size=0))

def test_negative_batch(build_model, modelbench):
    modelbench.cost(build_model("test_resnet", batch_size=-1))

def test_refused_size(build_model, modelbench):
    modelbench.latency(build_model("test_vit", image_size=33))

def test_raising_builder(build_model, modelbench):
    def explode():
        raise RuntimeError("out of cheese")
    modelbench.cost(build_model(explode))

def test_not_finite(build_model, modelbench):
    import torch

    class Bad(torch.nn.Module):
        def forward(self, x):
            return x.mean() * float("nan")
    modelbench.latency(build_model(Bad, image_size=8))

def test_missing_module(build_model, modelbench):
    modelbench.cost(build_model("no_such_package.models:make"))

def test_band(build_model, modelbench):
    modelbench.latency(build_model(small, image_size=8), band="five")

def test_not_a_number(modelbench):
    modelbench.record("answer", "many")

def test_infinite(modelbench):
    modelbench.record("answer", float("inf"))

def test_no_samples(modelbench):
    modelbench.record("answer", [])

def test_unnamed_callable(modelbench):
    modelbench.latency(lambda: None)

def test_metric_of_ours(modelbench):
    modelbench.record("latency", 1)
"""
)


@pytest.mark.slow
def test_each_bad_request_fails_its_own_test_with_a_clear_message(bench):
    result = bench("-v", source=BROKEN)
    result.assert_outcomes(failed=13)
    result.stdout.fnmatch_lines_random(
        [
            "E *resnet5O*Did you mean*resnet50*",
            "E *batch_size*0*",
            "E *batch_size*-1*",
            "E *33*",
            "E *out of cheese*",
            "E *not finite*",
            "E *no_such_package*",
            "E *test_band: latency: band 'five' cannot be read*",
            "E *'many' is not a number",
            "E *inf is not finite",
            "E *no values",
            "E *timing a callable needs case=*",
            "E *'latency' is a metric of this package*",
        ]
    )


RAISING = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.head(x)

def test_it(build_model, modelbench):
    model = build_model(Net, image_size=8)
    modelbench.latency(model)
"""


def test_what_a_model_raises_is_shown_where_it_and_the_test_stand(bench):
    result = bench("--tb=short", source=RAISING)
    result.stdout.fnmatch_lines(
        [
            "test_it.py:9: in forward",
            "    return self.head(x)",
            "E   RuntimeError: *shapes cannot be multiplied*",
            "test_it.py:13: in test_it",
            "    modelbench.latency(model)",
            "E   *BuildError: *",
        ]
    )
    result.stdout.no_fnmatch_line("*: in _call_impl")
    result.stdout.no_fnmatch_line("*pytest_modelbench*.py:*")


LIFECYCLE = """
def test_small(build_model, modelbench):
    model = build_model("test_resnet", batch_size=4, image_size=160 {changed})
    modelbench.latency(model, band="50%")
    modelbench.peak_memory(model)
    modelbench.cost(model)
"""


def fails(result):
    """How many tests failed. One whose times the noise of a shared machine leaves open is inconclusive, not failed."""
    outcomes = result.parseoutcomes()
    assert outcomes.get("passed", 0) + outcomes.get("failed", 0) + outcomes.get("inconclusive", 0) == 1
    return outcomes.get("failed", 0)


@pytest.mark.long
def test_lifecycle_of_a_real_model(bench, accept, pytester, stored):
    """accept -> ok -> more blocks a stage -> regressed, files untouched."""
    accept(source=LIFECYCLE.format(changed=""), exits=(0, 1))
    folders = stored()
    assert set(folders["portable"]["test_it.py::test_small"]) == {
        "macs", "memory_growth", "parameter_bytes", "parameters", "peak_live_memory",
    }  # fmt: skip
    # Times are not accepted from a disturbed machine, as the one that runs this test may be; it then exits with 1.
    assert all(folder.startswith("cpu-") for folder in set(folders) - {"portable"})
    assert fails(bench()) == 0

    before = {path: path.read_bytes() for path in (pytester.path / "baselines").rglob("*.json")}
    slower = LIFECYCLE.format(changed=", layers=(12, 12, 12, 12)")
    result = bench("--modelbench-json=results.json", source=slower)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "test_resnet-b4-160-fp32: peak_live_memory regressed: * MiB -> * MiB *",
            "test_resnet-b4-160-fp32: macs regressed: 410,188,800 -> *",
            "test_resnet-b4-160-fp32: parameters regressed: 469,688 -> *",
            "*if this is intended:  pytest --modelbench *--update-baselines test_it.py::test_small",
        ]
    )
    checks = json.loads((pytester.path / "results.json").read_text())["session"]["checks"]
    latency = next(check["judgement"] for check in checks if check["key"][1] == "latency")
    assert latency["verdict"] in ("regressed", "inconclusive", "new")
    assert latency["verdict"] == "new" or latency["ratio"] > 2
    assert {path: path.read_bytes() for path in (pytester.path / "baselines").rglob("*.json")} == before


@pytest.mark.long
def test_a_real_growth_of_memory_fails_and_says_by_how_much(bench, accept):
    source = MODEL + (
        "\ndef test_small(build_model, modelbench):\n"
        "    modelbench.peak_memory(build_model(small, image_size=32, batch_size=8, width={width}), backward=True)\n"
    )
    accept(source=source.format(width=16))
    result = bench(source=source.format(width=24))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["small-b8-32-fp32-backward: backward_peak_live_memory regressed: *MiB -> *MiB (+*%*1% is tolerated"]
    )


@pytest.mark.slow
def test_settings_of_torch_are_put_back_even_if_the_test_fails(bench):
    source = """
import gc

def test_a_changes_everything(modelbench):
    import torch

    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(99)
    torch.backends.cudnn.benchmark = True
    gc.disable()
    assert False

def test_b_finds_nothing_changed(modelbench):
    import torch

    assert torch.get_num_threads() == 1
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.backends.cudnn.benchmark
    assert gc.isenabled()
"""
    result = bench(source=source)
    result.assert_outcomes(passed=1, failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*LeftBehindWarning: test_it.py::test_a_changes_everything left global state behind: *"
            "torch.get_num_threads() is 2, and was 1; *gc.isenabled() is False, and was True. It is put back"
        ]
    )


@pytest.mark.long
def test_a_time_with_other_threads_than_the_environment_says_is_refused(bench):
    source = """
def net():
    import torch

    torch.set_num_threads(2)
    return torch.nn.Conv2d(3, 4, 3)

def test_one(build_model, modelbench):
    modelbench.latency(build_model(net, image_size=8))

def test_other(modelbench):
    modelbench.latency(lambda: sum(range(3)), case="sum")
"""
    result = bench(source=source)
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["E *net-b1-8-fp32 is not measured as cpu-*-t1 says, *switched: threads 1 -> 2.*"])


@pytest.mark.slow
def test_timer_and_memory_serve_plain_asserts_without_the_option(pytester):
    pytester.makepyprojecttoml("[tool.modelbench]\ndevice = 'cpu'\n")
    pytester.makepyfile(
        """
        import os
        import torch

        def test_timer(device_timer):
            with device_timer as timing:
                torch.zeros(8)
            assert timing.elapsed_s > 0
            assert device_timer(torch.zeros, 8, repeat=3).per_call_s > 0

        def test_memory(peak_memory):
            assert peak_memory(lambda: torch.zeros(1000)).peak_bytes == 4096

        def test_model(build_model):
            model = build_model("test_resnet", image_size=32)
            assert model.forward().shape == (1, 1000)

        def test_cores():
            assert len(os.sched_getaffinity(0)) == os.cpu_count()
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=4)


@pytest.mark.slow
def test_weights_without_a_hub_and_images_without_labels_are_skips_with_a_way_out(bench, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = """
def test_pretrained(build_model, modelbench):
    modelbench.cost(build_model("resnet18", pretrained=True))
    modelbench.latency(build_model("resnet18", pretrained=True))

def test_accuracy(build_model, modelbench):
    modelbench.accuracy(build_model("test_resnet"))
"""
    result = bench("-rs", source=source)
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines_random(["SKIPPED*resnet18*", "SKIPPED*--modelbench-data DIR*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.long
def test_accuracy_on_a_folder_of_images(bench, accept, pytester, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        image.new("RGB", (40, 40), "red" if label == "cat" else "blue").save(tmp_path / label / "1.png")
    source = """
def test_one(build_model, modelbench):
    modelbench.accuracy(build_model("test_resnet", num_classes=2, image_size=32, batch_size=2))
"""
    accept(f"--modelbench-data={tmp_path}", source=source)
    bench(f"--modelbench-data={tmp_path}").assert_outcomes(passed=1)
    image.new("RGB", (40, 40), "green").save(tmp_path / "cat" / "2.png")
    result = bench(f"--modelbench-data={tmp_path}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*top1 cannot be compared with its baseline: the data changed from *"])


INPUTS = """
def make(name):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(9, 4)

        def forward(self, ids, *, mask):
            return {name: self.embed(ids) * mask.unsqueeze(-1)}
    return Net()

def batch(batch_size, generator):
    import torch
    ids = torch.randint(9, (batch_size, 5), generator=generator)
    return {"ids": ids, "mask": ids > 3}

def test_tokens(build_model, modelbench):
    net = build_model(make, batch_size=2, inputs=batch, builder_args={"name": "hidden"})
    assert modelbench.cost(net).parameters == 36
    modelbench.peak_memory(net)
    modelbench.numerics(net)
    modelbench.train_step(net)
    modelbench.throughput(net)

def test_images_all_the_same(build_model, modelbench):
    modelbench.accuracy(build_model(make, inputs=batch, builder_args={"name": "hidden"}), "digits")

def test_two_meanings(build_model, modelbench):
    build_model(make, inputs=batch, name="hidden")
"""


@pytest.mark.long
def test_models_of_other_inputs_are_measured_by_whatever_needs_no_labels(bench, pytester):
    result = bench("--modelbench-json=results.json", source=INPUTS)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["E *was built with inputs= of its own, and images cannot be fed to it here*"])
    result.stdout.fnmatch_lines(["E *name= has two meanings here: build_model's (the name in results), and make()*"])
    checks = json.loads((pytester.path / "results.json").read_text())["session"]["checks"]
    cases = {(one["case"]["model"], one["case"].get("inputs")) for one in checks}
    assert cases == {("make", "ids=5+mask=5")}
