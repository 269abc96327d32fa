"""Settings of an ini file, where every value is text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.ini_values import values_of_ini
from pytest_modelbench.core.settings import read_settings

WHERE = "pytest.ini: [modelbench]"
#: Text that no line of an ini file ends in, begins with or is split by.
WORDS = st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=5)


def test_lists_are_written_by_comma_or_by_line_and_a_table_by_line() -> None:
    section = {
        "suite": "quick, nightly",
        "rounds": "\n2\n4",
        "pairs": "3",
        "threads": "2",
        "timeout": "90s",
        "missing": "fail",
        "bands": "\nlatency = 3%\nloss=1% + 2",
    }
    settings = read_settings(values_of_ini(section, WHERE), {}, "pytest.ini", section="modelbench")
    assert (settings.suite, settings.rounds, settings.pairs) == (("quick", "nightly"), (2, 4), (3,))
    assert (settings.threads, settings.timeout_s, settings.missing) == (2, 90.0, "fail")
    assert settings.bands == {"latency": "3%", "loss": "1% + 2"}


@given(st.dictionaries(WORDS, WORDS, min_size=1), st.lists(WORDS, min_size=1))
def test_what_is_written_by_line_is_read_back(bands: dict[str, str], suites: list[str]) -> None:
    section = {"bands": "\n".join(f"{name} = {band}" for name, band in bands.items()), "suite": "\n".join(suites)}
    assert values_of_ini(section, WHERE) == {"bands": bands, "suite": suites}


@given(st.dictionaries(st.sampled_from(["bands", "suite", "rounds", "data", "unknown"]), st.text(max_size=20)))
def test_any_text_is_read_or_refused_with_the_place(section: dict[str, str]) -> None:
    refused = ""
    try:
        read = values_of_ini(section, WHERE)
    except UsageError as error:
        read, refused = {}, str(error)
    assert refused.startswith(f"{WHERE} ") or read.keys() == section.keys()


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("rounds", "[2, 4]", "rounds: '[2, 4]' is written as in TOML; in an ini file write 2, 4, 6, 9"),
        ("missing", '"fail"', "missing: '\"fail\"' is written as in TOML; in an ini file write the bare value"),
        ("bands", "{ macs = 3 }", "bands: '{ macs = 3 }' is written as in TOML; in an ini file write a line for each "
         "metric, latency = 3%"),
        ("bands", "latency 3%", "bands: 'latency 3%' is not a metric and its band; write for example latency = 3%"),
        ("bands", "macs = 1%\nmacs = 2%", "bands: macs has two bands; remove one"),
    ],
)  # fmt: skip
def test_what_is_not_written_as_in_an_ini_file_is_refused(key: str, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        values_of_ini({key: text}, WHERE)
    assert str(caught.value) == f"{WHERE} {says}"
