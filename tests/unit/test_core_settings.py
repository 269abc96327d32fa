import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.settings import Settings, read_settings
from pytest_modelbench.core.units import parse_duration_s

FILE = "pyproject.toml"


def test_options_win_over_the_file_and_the_file_over_defaults():
    table = {"threads": 4, "missing": "fail", "rounds": [3, 5]}
    settings = read_settings(table, {"threads": "2", "suite": "quick,batch"}, FILE)
    assert (settings.threads, settings.missing, settings.rounds) == (2, "fail", (3, 5))
    assert settings.suite == ("quick", "batch")
    assert settings.device == "auto"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"bands": {"latency": "-1%"}}, "[tool.modelbench] bands.latency: band '-1%' is negative"),
        ({"bands": {"latency": 5}}, "band 5 is not text"),
        ({"bands": "5%"}, "'5%' is text; write for example"),
        ({"baseline": "x"}, "no setting 'baseline'. Did you mean 'baselines'?"),
        ({"threads": 0}, "threads: 0 is not a whole number of at least 1"),
        ({"threads": True}, "threads: True is not a whole number"),
        ({"threads": "two"}, "threads: 'two' is not a whole number"),
        ({"device": 1}, "device: 1 is a number; it takes text"),
        ({"baselines": " "}, "it takes text that is not empty"),
        ({"missing": "maybe"}, "missing: 'maybe' is neither pass nor fail"),
        ({"skipped": True}, "skipped: True is neither pass nor fail"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        ({"timeout": -1}, "timeout: -1 is not a duration"),
        ({"timeout": float("nan")}, "is not a duration"),
        ({"rounds": [5, 3]}, "rounds: [5, 3] does not rise"),
        ({"rounds": []}, "does not rise"),
        ({"suite": []}, "suite: [] is not a name"),
        ({"suite": [1]}, "it takes text"),
        (["threads"], "[tool.modelbench] is a list, not a table"),
    ],
)
def test_settings_that_make_no_sense_name_file_and_key(table, says):
    with pytest.raises(UsageError) as caught:
        read_settings(table, {}, FILE)
    assert str(caught.value).startswith(FILE)
    assert says in str(caught.value)


def test_a_wrong_option_is_named_as_it_was_typed():
    with pytest.raises(UsageError, match=r"^--modelbench-threads: '0' is not"):
        read_settings({}, {"threads": "0"}, FILE)


def test_settings_survive_the_way_to_a_worker():
    settings = Settings(suite=("a",), rounds=(2,), bands={"latency": "3%"}, timeout_s=1.5)
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (3, 3), ("5ms", 0.005)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration_s(text, "x") == pytest.approx(seconds)


@given(st.text(max_size=12))
def test_any_text_is_a_positive_duration_or_a_usage_error(text):
    try:
        seconds = parse_duration_s(text, "here")
    except UsageError:
        return
    assert seconds > 0


def test_near_names_are_offered():
    assert did_you_mean("resnet5", ["resnet50", "vgg16"]) == " Did you mean 'resnet50'?"
    assert did_you_mean("zzz", ["resnet50"]) == ""


def test_portable_baselines_keep_nothing_of_the_machine():
    facts = {"torch": "2.15.0", "kernel": "6.1", "driver": "580", "platform": "Linux x86_64", "packages": "1 (a) b"}
    environment = Environment("cpu", "a CPU", "cpu-a", {}, facts)
    assert environment.provenance_in("portable") == {"torch": "2.15.0", "packages": "1 (a) b"}
    assert environment.provenance_in("cpu-a") == facts
