"""Installed packages as one fact, and what differs between two of them."""

import base64
import zlib

import pytest

from pytest_modelbench.core.environment import Difference, differences, named, same_packages, told_first
from pytest_modelbench.core.packages import Package, packed, summary, unpacked

THEN = [Package("timm", "1.0.15"), Package("torch", "2.9.1"), Package("apex", "0.1"), Package("black", "24.1.0")]
NOW = [Package("timm", "1.0.31"), Package("torch", "2.15.0"), Package("xformers", "0.3"), Package("black", "25.1.0")]
#: What baselines of earlier versions hold, of the same packages as `THEN`.
OLD = "4 (bbe49b60)"


def facts(packages, **more):
    return {"torch": "?", **more, "packages": packages if isinstance(packages, str) else packed(packages)}


def test_a_list_is_packed_with_its_count_and_the_fingerprint_that_earlier_versions_know():
    text = packed(THEN)
    assert summary(text) == OLD
    assert unpacked(text) == {"apex": "0.1", "black": "24.1.0", "timm": "1.0.15", "torch": "2.9.1"}
    assert packed(reversed(THEN)) == text


def test_where_a_package_came_from_is_told_and_no_part_of_the_fingerprint():
    odd = [Package("timm", "1.0.15", "git 1a2b3c4d5e"), *THEN[1:]]
    assert summary(packed(odd)) == OLD
    assert unpacked(packed(odd))["timm"] == "1.0.15 (git 1a2b3c4d5e)"
    assert named(differences(facts(THEN), facts(odd))) == "timm 1.0.15 -> 1.0.15 (git 1a2b3c4d5e)"


def test_one_name_in_two_places_is_told_with_both_versions():
    assert unpacked(packed([Package("a", "1"), Package("a", "2")])) == {"a": "1 and 2"}


@pytest.mark.parametrize("damage", ["?", "eJw", base64.b64encode(zlib.compress(b"a==1"))[:-6].decode(), "é"])
def test_a_list_that_cannot_be_read_is_as_good_as_none(damage):
    assert unpacked(f"4 (bbe49b60) {damage}") is None
    assert differences(facts(f"{OLD} {damage}"), facts(THEN)) == ()
    assert differences(facts(f"{OLD} {damage}"), facts(NOW)) == (Difference("packages", OLD, summary(packed(NOW))),)


def test_a_list_that_would_fill_the_memory_is_none():
    bomb = base64.b64encode(zlib.compress(b"\n" * 2**24)).decode()
    assert unpacked(f"{OLD} {bomb}") is None


def test_each_package_that_changed_came_or_went_is_told():
    found = differences(facts(THEN), facts(NOW))
    assert [str(one) for one in found] == [
        "apex 0.1 -> none",
        "black 24.1.0 -> 25.1.0",
        "timm 1.0.15 -> 1.0.31",
        "torch 2.9.1 -> 2.15.0",
        "xformers none -> 0.3",
    ]


def test_a_package_with_a_fact_of_its_own_is_told_once():
    found = differences(facts(THEN, torch="2.9.1"), facts(NOW, torch="2.15.0"))
    assert [one.name for one in found].count("torch") == 1
    own = differences({"pytest_modelbench": "1", "packages": packed([Package("pytest-modelbench", "1")])},
                      {"pytest_modelbench": "2", "packages": packed([Package("pytest-modelbench", "2")])})  # fmt: skip
    assert own == (Difference("pytest-modelbench", "1", "2"),)


def test_a_baseline_of_an_earlier_version_is_compared_by_its_fingerprint():
    assert differences(facts(OLD), facts(THEN)) == ()
    assert differences(facts(OLD), facts(NOW)) == (Difference("packages", OLD, summary(packed(NOW))),)
    assert differences({"torch": "?"}, facts(NOW)) == ()
    assert [same_packages(facts(then), facts(THEN)) for then in (OLD, THEN, NOW)] == [True, True, False]
    assert not same_packages({}, facts(THEN))


def test_what_probably_matters_comes_first():
    found = [Difference(name, "1", "2") for name in ("black", "timm", "nvidia-cudnn-cu12", "python", "driver", "torch")]
    found.insert(0, Difference("xformers", None, "0.3"))
    order = [one.name for one in told_first(found, used={"timm"})]
    assert order == ["torch", "timm", "nvidia-cudnn-cu12", "driver", "black", "python", "xformers"]


@pytest.mark.parametrize(
    ("most", "told"),
    [
        (None, "a 1 -> 2, b 1 -> 2, c 1 -> 2"),
        (1, "a 1 -> 2, 2 others"),
        (2, "a 1 -> 2, b 1 -> 2, 1 other"),
        (3, "a 1 -> 2, b 1 -> 2, c 1 -> 2"),
    ],
)
def test_what_is_left_out_is_counted(most, told):
    assert named([Difference(name, "1", "2") for name in "abc"], most) == told
