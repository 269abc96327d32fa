"""Which benchmark test measures a case."""

from __future__ import annotations

from pytest_modelbench.published.catalog.cases import CaseSpec

#: Where the benchmark tests are, from the project's root.
FOLDER = "tests/benchmarks"

_FILES = {
    "classification": "test_seeds_training.py",
    "detection": "test_seeds_detection.py",
    "instance_segmentation": "test_seeds_detection.py",
    "segmentation": "test_seeds_segmentation.py",
}


def function_of(case: CaseSpec) -> str:
    """File and function that every such case is a parameter of: ``test_seeds_detection.py::test_inference``."""
    if case.mode == "inference":
        file = "test_seeds_inference.py" if case.task == "classification" else _FILES[case.task]
        return f"{file}::test_inference"
    # Fed with ones: the protocol of the speed and memory comparison.
    file = "test_seeds_techniques.py" if case.input == "ones" else _FILES[case.task]
    return f"{file}::test_train_step"


def node_id(function: str, parameter: str) -> str:
    """Node id of one benchmark test, from the project's root."""
    return f"{FOLDER}/{function}[{parameter}]"
