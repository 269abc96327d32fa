"""Digits, and CIFAR's files, which are pickles."""

from __future__ import annotations

import os
import pickle
import sys

import numpy
import pytest
import torch

from pytest_modelbench.core.errors import MissingExtraError, UsageError
from pytest_modelbench.data.cifar import cifar, is_cifar
from pytest_modelbench.data.digits import digits


def write(path, content, protocol=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def rows(*firsts):
    data = numpy.zeros((len(firsts), 3072), dtype=numpy.uint8)
    data[:, 0] = firsts
    data[:, 1024] = 100  # the first pixel's green
    return data


@pytest.fixture
def cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    for number in range(1, 6):
        write(folder / f"data_batch_{number}", {b"data": rows(number), b"labels": [number]})
    write(folder / "test_batch", {b"data": rows(7, 8), b"labels": [3, 9]})
    return tmp_path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_cifar10_is_read_from_its_batches(cifar10, protocol):
    write(cifar10 / "cifar-10-batches-py" / "test_batch", {"data": rows(7, 8), "labels": [3, 9]}, protocol)
    for path in (cifar10, cifar10 / "cifar-10-batches-py"):
        assert is_cifar(path)
        train, test = cifar(path)
        assert (train.name, test.name, test.num_classes) == ("cifar10", "cifar10-test", 10)
        assert train.labels.tolist() == [1, 2, 3, 4, 5]
        assert test.labels.tolist() == [3, 9]
        assert test.images.shape == (2, 3, 32, 32)
        assert test.images.dtype == torch.uint8
        assert test.images[1, :, 0, 0].tolist() == [8, 100, 0]
    assert train.fingerprint != test.fingerprint


def test_cifar100_has_its_fine_labels(tmp_path):
    for name in ("train", "test"):
        write(tmp_path / name, {b"data": rows(1), b"fine_labels": [99], b"coarse_labels": [5]})
    train, test = cifar(tmp_path)
    assert (train.name, train.num_classes, test.labels.tolist()) == ("cifar100", 100, [99])


class Dangerous:
    def __reduce__(self):
        return os.system, ("echo ran > ran.txt",)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Dangerous(), f"{os.system.__module__}.system"),
        ({b"data": rows(1), b"labels": [1], b"more": print}, "builtins.print"),
        (numpy.float64(1), r"numpy\._core\.multiarray\.scalar|numpy\.core\.multiarray\.scalar"),
        ({b"data": sys.exit}, "sys.exit"),
    ],
)
def test_pickle_with_anything_else_in_it_is_refused_and_not_run(cifar10, monkeypatch, content, name):
    monkeypatch.chdir(cifar10)
    write(cifar10 / "cifar-10-batches-py" / "test_batch", content, 4)
    with pytest.raises(UsageError, match=rf"test_batch is a pickle with ({name}) in it, which can run any code"):
        cifar(cifar10)
    assert not (cifar10 / "ran.txt").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "has no data of cifar10, rows of 3072 bytes"),
        ({b"labels": [1]}, "has no data of cifar10"),
        ({b"data": rows(1).astype(numpy.int64), b"labels": [1]}, "has no data of cifar10"),
        ({b"data": rows(1)[:, :10], b"labels": [1]}, "has no data of cifar10"),
        ({b"data": rows(1), b"labels": [1, 2]}, "has no labels from 0 to 9 for its 1 images"),
        ({b"data": rows(1), b"labels": [10]}, "has no labels from 0 to 9"),
        ({b"data": rows(1), b"labels": ["1"]}, "has no labels from 0 to 9"),
    ],
)
def test_batch_that_is_incomplete_is_named(cifar10, content, message):
    write(cifar10 / "cifar-10-batches-py" / "test_batch", content)
    with pytest.raises(UsageError, match=f"test_batch {message}"):
        cifar(cifar10)


def test_damaged_batch_is_named(cifar10):
    (cifar10 / "cifar-10-batches-py" / "test_batch").write_bytes(b"\x80\x02}q")
    with pytest.raises(UsageError, match=r"test_batch cannot be read: .*; unpack the archive again"):
        cifar(cifar10)


def test_folder_without_it_is_refused(cifar10):
    (cifar10 / "cifar-10-batches-py" / "data_batch_5").unlink()
    assert not is_cifar(cifar10)
    with pytest.raises(UsageError, match="holds neither cifar-10-batches-py nor cifar-100-python"):
        cifar(cifar10)


def test_missing_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"scikit-learn is not installed.*\[samples\]"):
        digits()


def test_digits_are_split_once_and_for_all():
    pytest.importorskip("sklearn")
    train, held_out = digits()
    assert (len(train), len(held_out), train.num_classes) == (1438, 359, 10)
    assert held_out.images.shape == (359, 3, 8, 8)
    assert held_out.images.max() == 255
    assert torch.bincount(held_out.labels).min() > 25
    assert held_out.fingerprint == "44621a8f80f5c18e"
