"""What is told of values that may be secrets, in facts that go into baselines."""

import pytest

from pytest_modelbench.core.environment import OPTIONS, READ, VARIABLES, Difference, differences
from pytest_modelbench.core.shown import all_shown, shown

TOKEN = "hf_" + "a1B2" * 8 + "xy"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MODEL_DEPTH", "24", "24"),
        ("MODEL_WIDTH", "-0.5e-3", "-0.5e-3"),
        ("FAST", "true", "true"),
        ("weights", "'imagenet'", "'imagenet'"),
        ("MODEL_KIND", "", ""),
        ("MODEL_KIND", "wide_and_long", "(27e77307)"),
        ("MODEL_KIND", "(27e77307)", "(27e77307)"),
        ("ADDRESS", TOKEN, None),
        ("HF_TOKEN", TOKEN, "(set)"),
        ("GH_TOKEN", "x", "(set)"),
        ("DB_PASSWORD", "1234", "(set)"),
        ("DB_PW", "hunter2", "(set)"),
        ("AWS_SECRET", "1", "(set)"),
        ("api_key", "'k'", "(set)"),
        ("GOOGLE_CREDENTIALS", "{}", "(set)"),
        ("BASIC_AUTH", "me", "(set)"),
        ("NUM_TOKENS", "196", "196"),
        ("key_dim", "'64'", "'64'"),
        ("API_KEY", "1234567890", "(set)"),
        ("-c", "pytest-of-the-gpu.ini", "pytest-of-the-gpu.ini"),
    ],
)
def test_only_what_is_plainly_harmless_is_told_and_of_a_secret_that_it_is_set(name, value, told):
    found = shown(name, value)
    assert found == told if told is not None else (found.startswith("(") and len(found) == 10)
    assert shown(name, found) == found


def test_a_fact_of_several_is_told_one_by_one_and_twice_is_once():
    fact = f"-o=hub_token={TOKEN} xfail_strict=true HF_TOKEN={TOKEN} A=(0123abcd) weights='a b'"
    told = all_shown(fact)
    assert told.startswith("-o=hub_token=(set) xfail_strict=true HF_TOKEN=(set) A=(0123abcd) weights=(")
    assert all_shown(told) == told
    assert all_shown("none") == "none"
    assert all_shown("3 (0123abcd)") == "3 (0123abcd)"


@pytest.mark.parametrize("fact", [VARIABLES, READ, OPTIONS])
def test_a_baseline_that_tells_more_is_compared_by_what_is_told_now_and_repeats_no_secret(fact):
    before = f"HF_TOKEN={TOKEN} KIND=wide_and_long DEPTH=24"
    assert differences({fact: before}, {fact: "HF_TOKEN=(set) KIND=(27e77307) DEPTH=24"}) == ()
    assert differences({fact: before}, {fact: "HF_TOKEN=(set) KIND=(27e77307) DEPTH=12"}) == (
        Difference(fact, "HF_TOKEN=(set) KIND=(27e77307) DEPTH=24", "HF_TOKEN=(set) KIND=(27e77307) DEPTH=12"),
    )
