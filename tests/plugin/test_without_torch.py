"""A worker imports torch when something needs it, and not before."""

import json

import pytest

RECORDS = """
import sys

def test_one(modelbench):
    modelbench.record("answer", 42)
    modelbench.record("speed", [1.0, 1.1], unit="s", noisy=True, scope="device")

def test_two(modelbench):
    assert modelbench.data is None
    assert [name for name in ("torch", "numpy", "timm", "torchmetrics") if name in sys.modules] == []
"""


def environment(pytester):
    return json.loads((pytester.path / "results.json").read_text())["session"]["environments"][0]


def test_tests_that_only_record_never_import_it(bench, pytester):
    bench("--modelbench-json=results.json", source=RECORDS).assert_outcomes(passed=2)
    assert environment(pytester)["identity"]["device"] == "cpu"


@pytest.mark.slow
def test_the_environment_is_the_same_to_the_letter_as_a_worker_with_torch_tells_it(bench, pytester):
    bench("--modelbench-json=results.json", source=RECORDS).assert_outcomes(passed=2)
    without = environment(pytester)
    with_torch = "def test_one(modelbench):\n    import torch\n\n    modelbench.record('answer', 42)\n"
    bench("--modelbench-json=results.json", source=with_torch).assert_outcomes(passed=1)
    assert json.dumps(environment(pytester)) == json.dumps(without)


LATE = """
import os, sys

def test_a_begins_without(modelbench):
    modelbench.record("answer", 42)
    assert "torch" not in sys.modules

def test_b_imports_it_and_changes_everything(modelbench):
    import torch
    assert torch.get_num_threads() == 1
    assert len(os.sched_getaffinity(0)) == 1
    assert modelbench.device == torch.device("cpu")
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = True
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.manual_seed(99)
    modelbench.record("answer", 43)

def test_c_finds_it_as_it_came(modelbench):
    import torch
    assert torch.get_num_threads() == 1
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"
    assert torch.initial_seed() == torch.default_generator.initial_seed() != 99

def test_d_times(modelbench):
    modelbench.latency(lambda: None, case="nothing")
"""


@pytest.mark.slow
def test_torch_that_comes_late_is_made_ready_and_put_back_as_it_came(bench, pytester):
    """In the order of the file: otherwise which test comes first is left to chance."""
    arguments = ["--modelbench-order=keep", "--modelbench-json=results.json"]
    bench(*arguments, source=LATE).assert_outcomes(passed=4, warnings=1)
    first = environment(pytester)["identity"]
    assert (first["deterministic"], first["matmul_precision"]) == (False, "ieee")


CONTRADICTED = """
def test_a_begins_without(modelbench):
    modelbench.record("answer", 42)
    import torch
    modelbench.record("question", 43)
"""


@pytest.mark.slow
def test_an_environment_that_torch_contradicts_is_refused_by_name(bench, pytester):
    pytester.makeconftest(
        "from pytest_modelbench.measure import environment\n\nenvironment.instruction_set = lambda *_: 'ABACUS'\n"
    )
    result = bench(source=CONTRADICTED, apart=True)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*told before torch was imported, *: instruction_set ABACUS -> *Import torch in conftest.py*"]
    )
