"""What a session was asked to do: command line over ``[tool.modelbench]`` over the defaults of `options`, checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.locations import check_location, is_folder
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.units import parse_duration_s
from pytest_modelbench.options import SETTINGS, Option, OptionType


def _kind(value: object) -> str:
    return {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }.get(type(value), type(value).__name__)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {value!r} is {_kind(value)}; it takes text that is not empty")
    return value.strip()


def _location(value: object, where: str) -> str:
    return check_location(_text(value, where), where)


def _count(value: object, where: str) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"{where}: {value!r} is not a whole number of at least 1")
    return number


def _choice(choices: tuple[str, ...], value: object, where: str) -> str:
    if value not in choices:
        raise UsageError(f"{where}: {value!r} is neither {' nor '.join(choices)}")
    return str(value)


def _names(value: object, where: str) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not parts:
        raise UsageError(f"{where}: {value!r} is not a name or a list of names")
    return tuple(_text(part, where) for part in parts)


def _looks(value: object, where: str) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    looks = tuple(_count(part, where) for part in parts)
    if not looks or list(looks) != sorted(set(looks)):
        raise UsageError(f"{where}: {value!r} does not rise; write for example 3 or 2,4,6,9")
    return looks


def _seconds(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where}: {value!r} is {_kind(value)}; write for example 90s, 10m or 2h")
    return parse_duration_s(value, where)


def _bands(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: {value!r} is {_kind(value)}; write for example bands = {{ latency = '3%' }}")
    return check_bands(value, where)


def check_bands(bands: Mapping[str, object], where: str) -> dict[str, str]:
    """``bands``, a mapping from metric to band, with every band readable and no metric misspelt; else UsageError."""
    for name, band in bands.items():
        if name in METRICS:
            parse_band(band, METRICS[name].unit, f"{where}.{name}")
        elif near := did_you_mean(name, METRICS):
            raise UsageError(f"{where}: there is no metric {name!r}.{near}")
        else:
            # One of `modelbench.record`: its unit is known where it is recorded, and the band read there.
            _text(band, f"{where}.{name}")
    return {name: str(band) for name, band in bands.items()}


#: For each kind of setting, its reader, and what stands for one that is not set.
_READERS: dict[OptionType, tuple[Callable[[object, str], Any], Any]] = {
    OptionType.TEXT: (_text, ""),
    OptionType.PATH: (_text, ""),
    OptionType.LOCATION: (_location, ""),
    OptionType.NAMES: (_names, ()),
    OptionType.COUNT: (_count, None),
    OptionType.LOOKS: (_looks, ()),
    OptionType.DURATION: (_seconds, None),
    OptionType.BANDS: (_bands, {}),
}


def read_value(option: Option, value: object, where: str) -> Any:
    """``value``, from a file or a command line, as `Settings` keeps it; UsageError that begins with ``where``."""
    if option.kind is OptionType.CHOICE:
        return _choice(option.choices, value, where)
    reader, _ = _READERS[option.kind]
    return reader(value, where)


def default_of(setting: str) -> Any:
    """What `Settings` keeps where nobody says anything of ``setting``."""
    option = SETTINGS[setting]
    if option.default is None:
        return _READERS[option.kind][1]
    return read_value(option, option.default, f"the default of {setting}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a session can be told, as `options.OPTIONS` explains it.

    Paths are absolute once `read_settings` was told what they start from.
    """

    device: str = default_of("device")
    suite: tuple[str, ...] = default_of("suite")
    models: tuple[str, ...] = default_of("models")
    batch_size: tuple[int, ...] = default_of("batch-size")
    precision: tuple[str, ...] = default_of("precision")
    against: str = default_of("against")
    against_python: str = default_of("against-python")
    build: str = default_of("build")
    budget_s: float | None = default_of("budget")
    data: str = default_of("data")
    history: str = default_of("history")
    drift: str = default_of("drift")
    baselines: str = default_of("baselines")
    missing: str = default_of("missing")
    skipped: str = default_of("skipped")
    orphans: str = default_of("orphans")
    inconclusive: str = default_of("inconclusive")
    machine: str = default_of("machine")
    annotations: str = default_of("annotations")
    confirm: str = default_of("confirm")
    order: str = default_of("order")
    rounds: tuple[int, ...] = default_of("rounds")
    update_rounds: int = default_of("update-rounds")
    pairs: tuple[int, ...] = default_of("pairs")
    threads: int = default_of("threads")
    host_cores: str = default_of("host-cores")
    timeout_s: float = default_of("timeout")
    bands: Mapping[str, str] = field(default_factory=partial(default_of, "bands"))

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `from_json` takes them."""
        return asdict(self) | {"bands": dict(self.bands)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """The settings that `to_json` wrote."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**fields)


def read_settings(
    table: object,
    options: Mapping[str, object],
    where: str,
    *,
    section: str = "tool.modelbench",
    base: str = "",
    typed: str = "",
) -> Settings:
    """Settings from the table ``[section]`` (read from ``where``) with ``options`` (by setting) on top.

    Paths in the table, and defaults, are relative to the folder ``base``, those in ``options`` to ``typed``. Raises
    UsageError naming key and place for unknown keys, wrong types and values that make no sense.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: [{section}] is {_kind(table)}, not a table")
    values: dict[str, Any] = {
        option.field: resolved(option.default, base)
        for option in SETTINGS.values()
        if option.kind is OptionType.PATH and option.default
    }
    for key, value in table.items():
        option = _known(key, f"{where}: [{section}]")
        values[option.field] = _placed(option, read_value(option, value, f"{where}: [{section}] {key}"), base)
    for key, value in options.items():
        option = SETTINGS[key]
        read = read_value(option, value, option.alias or option.flag or key)
        values[option.field] = _placed(option, read, typed)
    return Settings(**values)


def resolved(path: str, base: str) -> str:
    """``path`` seen from anywhere, where it is relative to the folder ``base``; as it is where that is empty."""
    return os.path.normpath(os.path.join(base, os.path.expanduser(path))) if base else path


def _placed(option: Option, value: Any, base: str) -> Any:
    if option.kind is OptionType.PATH or (option.kind is OptionType.LOCATION and is_folder(value)):
        return resolved(value, base)
    return value


def _known(key: str, where: str) -> Option:
    """The option that ``key`` sets; UsageError for a key that sets none, or does so no longer."""
    if key in SETTINGS:
        return SETTINGS[key]
    for name, option in SETTINGS.items():
        if key == option.formerly:
            raise UsageError(f"{where} {key} is called {name} now; rename it")
    raise UsageError(
        f"{where} has no setting {key!r}.{did_you_mean(key, SETTINGS)} Known are: {', '.join(sorted(SETTINGS))}"
    )
