"""Every classifier that the benchmark guide gives an inference figure for.

Cost and memory are those of the published size on every machine; times are taken at it on an accelerator, and on the
CPU, where a published figure is a time, at a reduced one.
"""

import pytest

from pytest_modelbench.published.catalog.tables import cases

CASES = cases("test_published_inference.py::test_inference")


@pytest.mark.modelbench(suite=["published", "published-backbones", "seeds"])
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_inference(case, measure_inference):
    measure_inference(case)
