"""A whole session on a CUDA device."""

import pytest

from tests.unit.store_checks import entries_in

pytestmark = pytest.mark.gpu

SOURCE = """
def test_small(build_model, modelbench):
    model = build_model("test_resnet", batch_size=8, image_size=64)
    modelbench.latency(model, band="50%")
    modelbench.peak_memory(model)
    modelbench.cost(model)
"""


@pytest.fixture(autouse=True)
def _needs_cuda():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


def test_new_accepted_and_ok(pytester):
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 2\n")
    pytester.makepyfile(test_it=SOURCE)
    for arguments in (["--update-baselines"], ["--modelbench-rounds=2", "--modelbench-missing=fail"]):
        pytester.runpytest_subprocess("--modelbench", "--device=cuda", *arguments).assert_outcomes(passed=1)
    folders = {path.parent.name: entries_in(path) for path in pytester.path.glob("baselines/*/*.json")}
    (device,) = [name for name in folders if name.startswith("cuda-")]
    measured = folders[device]["test_it.py::test_small"]
    assert set(measured) == {"latency", "peak_allocated_memory"}
    predicted = folders["portable"]["test_it.py::test_small"]["peak_live_memory"]["value"]
    assert measured["peak_allocated_memory"]["value"] >= 0.9 * predicted
