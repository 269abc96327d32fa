"""Every line of the speed and memory comparison: training steps of models and techniques.

Memory of the second step is that of the published size on every machine; times are taken at it on an accelerator, and
on the CPU, where a published figure is a time, at a reduced one. What techniques claim is tested in test_techniques.py.
"""

import pytest

from pytest_modelbench.published.catalog.tables import cases

CASES = cases("test_published_techniques.py::test_train_step")

pytestmark = pytest.mark.modelbench(suite=["published", "published-techniques", "seeds"])


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_train_step(case, measure_training):
    measure_training(case)


def test_outside_the_allocator(build_model, modelbench, peak_memory):
    """What a device holds beyond the allocator is 'always constant for the same device': the same for any model."""
    if modelbench.device.type == "cpu":
        pytest.skip("a CPU has no memory beside the allocator's: give an accelerator with --device")
    models = {name: build_model(name, batch_size=64, image_size=224) for name in ("resnet50", "vgg16_bn")}
    for model in models.values():
        peak_memory(model.forward_backward)  # libraries load kernels as models need them: not those of earlier tests
    for name, model in models.items():
        peak = modelbench.peak_memory(model, backward=True, name=f"{name}_peak")
        outside = peak.allocated.device_bytes - peak.allocated.reserved_bytes
        modelbench.record(
            f"{name}_outside", outside, unit="bytes", better="lower", scope="kind", band="64MiB", case=name
        )
