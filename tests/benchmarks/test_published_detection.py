"""Every detector and instance segmenter of the benchmark guide: inference, training, and accuracy on COCO.

Cost and memory are those of the published size on every machine (of the dense part: boxes cannot be selected without
values); times are taken at it on an accelerator, and on the CPU, where a published figure is a time, at a
reduced one.
"""

import pytest

from pytest_modelbench.published.catalog.tables import cases, table

INFERENCE = cases("test_published_detection.py::test_inference")
TRAINING = cases("test_published_detection.py::test_train_step")
#: One for each model, whatever it is measured for.
COCO = {
    row.case.source_name: row.case for id in ("coco-detection", "detection-accuracy-speed") for row in table(id).rows
}

pytestmark = pytest.mark.modelbench(suite=["published", "published-detection", "seeds"])


@pytest.mark.parametrize("case", INFERENCE, ids=[case.id for case in INFERENCE])
def test_inference(case, measure_inference):
    measure_inference(case)


@pytest.mark.parametrize("case", TRAINING, ids=[case.id for case in TRAINING])
def test_train_step(case, measure_training):
    measure_training(case)


@pytest.mark.modelbench(timeout="1h")
@pytest.mark.parametrize("name", COCO)
def test_coco(name, build_model, modelbench):
    """Weights of one's own, NAME.safetensors in the folder of --modelbench-data, or beside the file that it names."""
    from pytest_modelbench.published.catalog.weights import trained_weights

    checkpoint = trained_weights(modelbench.data, name)
    arguments = COCO[name].build_arguments() | {"precision": "fp32", "batch_size": 8}
    modelbench.detection_accuracy(build_model(**arguments, checkpoint=checkpoint))
