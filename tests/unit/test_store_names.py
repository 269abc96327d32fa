"""Names of baseline files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.names import check_folder_name, file_name


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests/benchmarks/test_inference.py::test_inference[resnet50]", "inference.json"),
        ("tests/benchmarks/inference_test.py::test_inference", "inference.json"),
        ("test_train_step.py::TestA::test_b", "train_step.json"),
        ("test_a.py::test[x/y::z.py]", "a.json"),
        ("test_test.py::test", "test.json"),
        ("test_Über Café.py::test", "ber-caf.json"),
        ("test_A.b.py::test", "a-b.json"),
        ("test_.py::test", "module-e3b0c442.json"),
        ("", "module-e3b0c442.json"),
        ("test_推論.py::test", "module-460cb478.json"),
        ("test_" + "x" * 90 + ".py::test", "x" * 80 + "-efdfd9ee.json"),
    ],
)
def test_the_module_names_the_file(test: str, expected: str) -> None:
    assert file_name(test) == expected


@given(st.text(st.characters(), max_size=300))
def test_every_node_id_has_a_safe_file_name(test: str) -> None:
    name = file_name(test)
    assert name.endswith(".json")
    assert set(name.removesuffix(".json")) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert 0 < len(name.removesuffix(".json")) <= 80 + 9
    assert not name.startswith(("-", "_"))


@pytest.mark.parametrize("folder", ["", "..", "../up", "a/b", ".git", "a\\b", "nul\0", "x" * 300])
def test_a_folder_outside_the_baselines_is_refused(folder: str) -> None:
    with pytest.raises(BaselineError, match="is not the name of a baseline folder"):
        check_folder_name(folder)
