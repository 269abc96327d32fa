"""Settings as an ini file has them, where every value is text, as the values that a table of TOML would hold."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.options import SETTINGS, OptionType

#: What begins a list, a table and a text in TOML, and none of them in an ini file.
_TOML = ("[", "{", '"', "'")
_EXAMPLES = {
    OptionType.NAMES: "quick, nightly",
    OptionType.LOOKS: "2, 4, 6, 9",
    OptionType.BANDS: "a line for each metric, latency = 3%",
}


def values_of_ini(section: Mapping[str, str], where: str) -> dict[str, object]:
    """The values of ``section``: lists by comma or by line, a table as a line ``metric = band`` for each entry.

    Raises UsageError that begins with ``where`` for values that are written as in TOML, and for such lines that are
    none. Keys that are no settings are kept, for whoever checks them.
    """
    return {key: _value(key, text, f"{where} {key}") for key, text in section.items()}


def _value(key: str, text: str, where: str) -> object:
    kind = SETTINGS[key].kind if key in SETTINGS else OptionType.TEXT
    if text.startswith(_TOML):
        raise UsageError(
            f"{where}: {text!r} is written as in TOML; in an ini file write {_EXAMPLES.get(kind, 'the bare value')}"
        )
    if kind is OptionType.BANDS:
        return _bands(text, where)
    if kind in (OptionType.NAMES, OptionType.LOOKS):
        return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    return text


def _bands(text: str, where: str) -> dict[str, object]:
    bands: dict[str, object] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        metric, equals, band = (part.strip() for part in line.partition("="))
        if not (metric and equals and band):
            raise UsageError(f"{where}: {line!r} is not a metric and its band; write for example latency = 3%")
        if metric in bands:
            raise UsageError(f"{where}: {metric} has two bands; remove one")
        bands[metric] = band
    return bands
