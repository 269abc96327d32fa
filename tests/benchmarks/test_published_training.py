"""Classifiers in training: the benchmark guide's memory tables and tips, and its CIFAR rows.

Memory of the second step is that of the published size on every machine; times are taken at it on an accelerator, and
on the CPU, where a published figure is a time, at a reduced one.
"""

import pytest

from pytest_modelbench.published.catalog.tables import cases, table

CASES = cases("test_published_training.py::test_train_step")

pytestmark = pytest.mark.modelbench(suite=["published", "published-training", "seeds"])


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_train_step(case, measure_training):
    measure_training(case)


def cifar_rows(id):
    rows = table(id).rows
    return pytest.mark.parametrize("row", rows, ids=[row.case.model for row in rows])


@pytest.mark.modelbench(timeout="3h")
@cifar_rows("cifar10")
def test_cifar10(row, build_model, modelbench):
    train_on_cifar(row, build_model, modelbench)


@pytest.mark.modelbench(timeout="3h")
@cifar_rows("cifar100")
def test_cifar100(row, build_model, modelbench):
    train_on_cifar(row, build_model, modelbench)


def train_on_cifar(row, build_model, modelbench):
    """50 epochs, as published, on CIFAR's files in the folder of --modelbench-data.

    How far they come is measured, without a target: published accuracies come from weights and a recipe that are not
    told, and these models start from none, without augmentation.
    """
    if modelbench.device.type == "cpu":
        pytest.skip("50 epochs of CIFAR take a CPU days: give --device=cuda, and CIFAR's folder with --modelbench-data")
    from pytest_modelbench.core.errors import DataUnavailableError
    from pytest_modelbench.data.cifar import cifar, is_cifar

    classes, folder = row.case.num_classes, modelbench.data
    if folder is None or not is_cifar(folder):
        raise DataUnavailableError(f"CIFAR-{classes} is not here: give its folder with --modelbench-data DIR")
    pair = cifar(folder)
    if pair[0].num_classes != classes:
        raise DataUnavailableError(f"--modelbench-data={folder} holds {pair[0].name}, not CIFAR-{classes}")
    modelbench.train_to_target(build_model(**row.case.build_arguments()), pair, target=None, budget="1h", timed=False)
