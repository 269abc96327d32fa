"""Which baselines were asked for, and why nothing measures them."""

from types import SimpleNamespace

import pytest

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Absence, Absent
from pytest_modelbench.session.promised import Found, Scope, absent

GONE, NO_BENCHMARK, DROPPED, NOT_COLLECTED = Absence


@pytest.fixture
def scope(tmp_path):
    """What a session in a folder with these files was given."""
    for name in ("bench/test_a.py", "bench/deep/test_b.py", "other/test_c.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def make(*arguments, found=None, source=pytest.Config.ArgsSource.ARGS, here=".", **options):
        known = {"ignore": None, "ignore_glob": None, "lf": False} | options
        config = SimpleNamespace(
            invocation_params=SimpleNamespace(dir=tmp_path / here),
            args=list(arguments),
            args_source=source,
            ArgsSource=pytest.Config.ArgsSource,
            option=SimpleNamespace(**known),
        )
        return Scope(config, tmp_path, found or Found())

    return make


def covered(scope):
    ids = (
        "bench/test_a.py::test_one", "bench/test_a.py::test_one[x]", "bench/test_a.py::TestTwo::test_three",
        "bench/test_a.py::test_one_more", "bench/deep/test_b.py::test_b", "bench/gone.py::test_d",
        "other/test_c.py::test_c",
    )  # fmt: skip
    return [one.partition("::")[2] for one in ids if scope.covers(one)]


ONE, MORE = ["test_one", "test_one[x]"], ["TestTwo::test_three", "test_one_more"]


@pytest.mark.parametrize(
    ("arguments", "options", "found"),
    [
        (["."], {}, [*ONE, *MORE, "test_b", "test_d", "test_c"]),
        (["bench"], {}, [*ONE, *MORE, "test_b", "test_d"]),
        (["bench/deep", "other/test_c.py"], {}, ["test_b", "test_c"]),
        (["bench/test_a.py"], {}, [*ONE, *MORE]),
        (["bench/test_a.py::test_one"], {}, ONE),
        (["bench/test_a.py::test_one[x]"], {}, ["test_one[x]"]),
        (["bench/test_a.py::TestTwo"], {}, ["TestTwo::test_three"]),
        (["deep", "test_a.py::test_one"], {"here": "bench"}, [*ONE, "test_b"]),
        (["bench"], {"ignore": ["bench/deep"]}, [*ONE, *MORE, "test_d"]),
        (["bench"], {"ignore_glob": ["bench/*_a.py", "bench/gon*"]}, ["test_b"]),
        (["bench"], {"lf": True}, []),
        # What testpaths leaves out was asked for nonetheless.
        (["other"], {"source": pytest.Config.ArgsSource.TESTPATHS}, [*ONE, *MORE, "test_b", "test_d", "test_c"]),
        # A module's name: what it led to alone is known.
        (["bench.deep"], {"found": Found(modules={"bench/deep/test_b.py"})}, ["test_b"]),
    ],
)
def test_what_was_asked_for(scope, arguments, options, found):
    assert covered(scope(*arguments, **options)) == found


def test_each_entry_is_told_with_the_reason(scope):
    found = Found(
        tests={f"bench/test_a.py::{name}" for name in ("kept", "idle", "dropped")},
        benchmarks={"bench/test_a.py::kept"},
        others={"bench/test_a.py::idle"},
        modules={"bench/test_a.py"},
    )
    tests = {
        "bench/test_a.py::kept": None,
        "bench/test_a.py::idle": NO_BENCHMARK,
        "bench/test_a.py::dropped": DROPPED,
        "bench/test_a.py::renamed": GONE,
        "bench/gone.py::test": GONE,
        "bench/deep/test_b.py::test": NOT_COLLECTED,
        "other/test_c.py::test": None,  # was not asked for
        "bench/skipped.py::test": None,  # is told by itself
    }
    promised = [CheckKey(test, name) for test in tests for name in ("macs", "latency")]
    told = absent(promised, found, scope("bench"), ["bench/skipped.py"])
    assert told == sorted(
        (Absent(key, why) for key in promised if (why := tests[key.test])), key=lambda one: tuple(one.key)
    )
    assert {one.why for one in told if one.is_orphan} == {GONE, NO_BENCHMARK}


@pytest.mark.parametrize("module", ["x" * 5000, "a\0b.py"])
def test_a_name_that_no_file_can_have_is_gone(scope, module):
    key = CheckKey(f"{module}::test_x", "macs")
    assert absent([key], Found(), scope(".")) == [Absent(key, GONE)]
