"""Every semantic segmenter of the benchmark guide: inference, training, and accuracy on Cityscapes and Pascal VOC.

Cost and memory are those of the published size on every machine; times are taken at it on an accelerator, and on the
CPU, where a published figure is a time, at a reduced one.
"""

import pytest

from pytest_modelbench.published.catalog.tables import cases, table

INFERENCE = cases("test_published_segmentation.py::test_inference")
TRAINING = cases("test_published_segmentation.py::test_train_step")
#: One for each model, whatever it is measured for.
CITYSCAPES = {row.case.source_name: row.case for id in ("cityscapes", "segmentation-speed") for row in table(id).rows}
VOC = {row.case.source_name: row.case for row in table("voc").rows}

pytestmark = pytest.mark.modelbench(suite=["published", "published-segmentation", "seeds"])


@pytest.mark.parametrize("case", INFERENCE, ids=[case.id for case in INFERENCE])
def test_inference(case, measure_inference):
    measure_inference(case)


@pytest.mark.parametrize("case", TRAINING, ids=[case.id for case in TRAINING])
def test_train_step(case, measure_training):
    measure_training(case)


@pytest.mark.modelbench(timeout="1h")
@pytest.mark.parametrize("name", CITYSCAPES)
def test_cityscapes(name, build_model, modelbench):
    """Whole images of 1024 x 2048, with weights of one's own beside them in the folder of --modelbench-data."""
    from pytest_modelbench.published.catalog.weights import trained_weights

    checkpoint = trained_weights(modelbench.data, name)
    arguments = CITYSCAPES[name].build_arguments() | {"precision": "fp32", "batch_size": 1, "image_size": (1024, 2048)}
    modelbench.segmentation_accuracy(build_model(**arguments, checkpoint=checkpoint))


@pytest.mark.modelbench(timeout="1h")
@pytest.mark.parametrize("name", VOC)
def test_voc(name, build_model, modelbench):
    """Weights of one's own, NAME.safetensors beside VOC's files in the folder of --modelbench-data."""
    from pytest_modelbench.published.catalog.weights import trained_weights

    checkpoint = trained_weights(modelbench.data, name)
    arguments = VOC[name].build_arguments() | {"batch_size": 8}
    modelbench.segmentation_accuracy(build_model(**arguments, checkpoint=checkpoint))
