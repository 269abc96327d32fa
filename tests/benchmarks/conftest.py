"""What the tests of the suite published measure of every case, whatever its task.

They also name that suite as it was called until version 0.1, seeds, so that commands of that time go on working.
"""

import pytest

from pytest_modelbench.published.catalog.tables import timed_cases


@pytest.fixture
def measure_inference(build_model, modelbench):
    """Measures a case: cost and memory of the published size, times of it or, on the CPU, of a reduced one."""

    def measure(case):
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

    return measure


@pytest.fixture
def measure_training(build_model, modelbench):
    """Measures a train step: its peak at the published size, times at it or, on the CPU, at a reduced one."""

    def measure(case):
        published = build_model(**case.build_arguments())
        options = case.train_arguments()
        modelbench.cost(published)
        if modelbench.device.type != "cpu":
            modelbench.train_step(published, **options)
            return
        modelbench.train_peak(published, **options)
        if case in timed_cases():
            modelbench.train_step(build_model(**case.reduced().build_arguments()), memory=False, **options)

    return measure
