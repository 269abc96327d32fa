"""Models that are measured without a test: what they are called, and what their tests are."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.listed_models import (
    PRECISIONS,
    ListedModel,
    check_precisions,
    combined,
    is_listed,
    with_kind,
)
from pytest_modelbench.models.precision import STORAGE_DTYPES
from pytest_modelbench.workers.model_names import expanded, main

WORDS = st.sampled_from(["a", "b", "Net", "zoo_2", "_x", "b1", "fp32"])
MODELS = st.one_of(
    st.builds("timm:{}{}".format, WORDS, st.sampled_from(["", ".a1_in1k", "-b1-fp32"])),
    st.builds("{}.{}:{}".format, WORDS, WORDS, WORDS),
)


@given(MODELS, st.integers(1, 10_000), st.sampled_from(PRECISIONS))
def test_the_id_of_a_test_tells_all_of_its_model(model, batch_size, precision):
    listed = ListedModel(model, batch_size, precision)
    assert ListedModel.of_test(listed.test) == listed
    assert is_listed(listed.test)


@pytest.mark.parametrize(
    "test",
    [
        "modelbench-models",
        "modelbench-models::inference",
        "modelbench-models::inference[]",
        "modelbench-models::inference[timm:a-b0-fp32]",
        "modelbench-models::inference[timm:a-b1-fp7]",
        "modelbench-models::inference[timm:a*-b1-fp32]",
        "modelbench-models::inference[a b-b1-fp32]",
        "modelbench-models::other[timm:a-b1-fp32]",
        "modelbench-models::inference[timm:a-b1-fp32]::more",
        "tests/test_it.py::inference[timm:a-b1-fp32]",
    ],
)
def test_other_ids_are_refused(test):
    with pytest.raises(UsageError, match=r"write modelbench-models::inference\[timm:resnet50-b1-fp32\]|is no model"):
        ListedModel.of_test(test)


def test_the_precisions_are_those_of_build_model():
    assert set(PRECISIONS) == {*STORAGE_DTYPES, "amp"}
    with pytest.raises(UsageError, match=r"^here: there is no precision 'fp7'; there are fp32, bf16"):
        check_precisions(["fp32", "fp7"], "here")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet50", "timm:resnet50"),
        ("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k"),
        ("timm:convnext*", "timm:convnext*"),
        ("pkg.zoo:make", "pkg.zoo:make"),
        ("pkg.zoo:Net.small", "pkg.zoo:Net.small"),
        ("pkg.zoo:make_[ab]?", "pkg.zoo:make_[ab]?"),
    ],
)
def test_a_name_says_whose_model_it_is(name, told):
    assert with_kind(name, "here") == told


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", ":a", "a:b:c", "a/b:c", "a\n", "</script>", "\x1b[2J", "-x:y"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match=r"^here: .* is no model: write timm:NAME, or package.module:callable$"):
        with_kind(name, "here")


def test_models_are_combined_with_sizes_and_precisions_each_once():
    ids = [one.id for one in combined(["timm:a", "timm:b", "timm:a"], (1, 8), ("fp32", "bf16"))]
    assert ids == [f"timm:{model}-b{size}-{kind}" for model in "ab" for size in (1, 8) for kind in ("fp32", "bf16")]


def test_names_without_patterns_are_asked_of_nobody(monkeypatch):
    monkeypatch.setattr("pytest_modelbench.workers.model_names.ask", None)
    assert expanded(["b:c", "a", "timm:a"], "here", ".") == ["b:c", "timm:a"]


ZOO = """
from json import loads as make_loads
make_number = 3
def make_a(): ...
class make_b: ...
def _make_c(): ...
def other(): ...
"""


def test_a_pattern_matches_what_its_module_defines_itself(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "zoo_of_a_test.py").write_text(ZOO)
    names = expanded(["zoo_of_a_test:make_*", "timm:x", "zoo_of_a_test:*"], "here", str(tmp_path))
    assert names == [*(f"zoo_of_a_test:{name}" for name in ("make_a", "make_b")), "timm:x", "zoo_of_a_test:other"]


@pytest.mark.slow
def test_a_pattern_matches_models_of_timm_in_letters_as_they_are(monkeypatch, capsys):
    # In this process, which has imported timm for other tests.
    import timm

    monkeypatch.setattr(sys, "path", sys.path[:])
    patterns = ["timm:test_resnet*", "timm:TEST_*"]
    monkeypatch.setattr(sys, "argv", ["-c", json.dumps({"patterns": patterns, "folder": "."})])
    main()
    matched = json.loads(capsys.readouterr().out)["matched"]
    assert matched == {
        "timm:test_resnet*": [f"timm:{name}" for name in timm.list_models("test_resnet*")],
        "timm:TEST_*": [],
    }
    assert "timm:test_resnet" in matched["timm:test_resnet*"]
