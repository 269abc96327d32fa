"""Every classifier that the benchmark guide gives an inference figure for.

Cost and memory are those of the published size on every machine; times are taken at it on an accelerator, and on the
CPU, where a published figure is a time, at a reduced one.
"""

import pytest

from pytest_modelbench.catalog.tables import cases, timed_cases

CASES = cases("test_seeds_inference.py::test_inference")


@pytest.mark.modelbench(suite=["seeds", "seeds-backbones"])
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_inference(case, build_model, modelbench):
    published = build_model(**case.build_arguments())
    modelbench.cost(published)
    modelbench.peak_memory(published)
    timed = published
    if modelbench.device.type == "cpu":
        if case not in timed_cases():
            return
        timed = build_model(**case.reduced().build_arguments())
    modelbench.latency(timed)
    modelbench.throughput(timed)
