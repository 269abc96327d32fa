"""Which benchmark test measures a case."""

from __future__ import annotations

from pytest_modelbench.published.catalog.cases import CaseSpec

#: Where the benchmark tests are, from the project's root.
FOLDER = "tests/benchmarks"

_FILES = {
    "classification": "test_published_training.py",
    "detection": "test_published_detection.py",
    "instance_segmentation": "test_published_detection.py",
    "segmentation": "test_published_segmentation.py",
}


def function_of(case: CaseSpec) -> str:
    """File and function that every such case is a parameter of: ``test_published_detection.py::test_inference``."""
    if case.mode == "inference":
        file = "test_published_inference.py" if case.task == "classification" else _FILES[case.task]
        return f"{file}::test_inference"
    # Fed with ones: the protocol of the speed and memory comparison.
    file = "test_published_techniques.py" if case.input == "ones" else _FILES[case.task]
    return f"{file}::test_train_step"


def node_id(function: str, parameter: str) -> str:
    """Node id of one benchmark test, from the project's root."""
    return f"{FOLDER}/{function}[{parameter}]"
