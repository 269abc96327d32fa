"""What a session was asked to do: command line over ``[tool.modelbench]`` over defaults, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.units import parse_duration_s

POLICIES = ("pass", "fail")
CONFIRMATIONS = ("duet", "rerun")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a session can be told. Paths are relative to pytest's root directory."""

    device: str = "auto"
    baselines: str = "baselines"
    suite: tuple[str, ...] = ()  #: empty: ``quick`` where tests name it, else every test
    threads: int = 1
    timeout_s: float = 900.0  #: for one test in one process
    passes: tuple[int, ...] = (2, 4, 6, 9)  #: numbers of processes after which open checks are looked at
    #: Processes behind a baseline. It is recorded once and compared with every night: what it costs comes back in
    #: processes and pairs that sessions of unchanged code need not run (tests/trials/session_cost.py).
    update_passes: int = 12
    missing: str = "pass"  #: an environment without any baseline
    skipped: str = "fail"  #: a skipped test that has a baseline
    inconclusive: str = "fail"  #: a check that the noise leaves open
    confirm: str = "duet"  #: what follows where a stored baseline does not clear a check
    pairs: tuple[int, ...] = (3, 5, 8, 13, 20)  #: numbers of pairs after which a duet is looked at
    against: str = ""  #: a git revision to compare with in place of what is stored
    against_python: str = ""  #: an interpreter to compare with
    budget_s: float | None = None  #: how long the session may take
    data: str = ""
    bands: Mapping[str, str] = field(default_factory=dict)  #: per metric name

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `from_json` takes them."""
        return asdict(self) | {"bands": dict(self.bands)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """The settings that `to_json` wrote."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**fields)


def read_settings(table: object, options: Mapping[str, object], where: str) -> Settings:
    """Settings from the table ``[tool.modelbench]`` (read from ``where``) with ``options`` (None: not given) on top.

    Raises UsageError naming key and place for unknown keys, wrong types and values that make no sense.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: [tool.modelbench] is {_kind(table)}, not a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _READERS:
            raise UsageError(
                f"{where}: [tool.modelbench] has no setting {key!r}.{did_you_mean(key, _READERS)} "
                f"Known are: {', '.join(sorted(_READERS))}"
            )
        values |= _read(key, value, f"{where}: [tool.modelbench] {key}")
    for key, value in options.items():
        if value is not None:
            values |= _read(key, value, f"--modelbench-{key}" if key != "device" else "--device")
    return Settings(**values)


def _kind(value: object) -> str:
    return {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }.get(type(value), type(value).__name__)


def _read(key: str, value: object, where: str) -> dict[str, Any]:
    name = f"{key}_s" if key in ("timeout", "budget") else key.replace("-", "_")
    return {name: _READERS[key](value, where)}


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {value!r} is {_kind(value)}; it takes text that is not empty")
    return value.strip()


def _count(value: object, where: str) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"{where}: {value!r} is not a whole number of at least 1")
    return number


def _policy(value: object, where: str) -> str:
    if value not in POLICIES:
        raise UsageError(f"{where}: {value!r} is neither {' nor '.join(POLICIES)}")
    return str(value)


def _confirmation(value: object, where: str) -> str:
    if value not in CONFIRMATIONS:
        raise UsageError(f"{where}: {value!r} is neither {' nor '.join(CONFIRMATIONS)}")
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


_READERS: dict[str, Callable[[object, str], Any]] = {
    "device": _text,
    "baselines": _text,
    "suite": _names,
    "threads": _count,
    "timeout": _seconds,
    "passes": _looks,
    "update-passes": _count,
    "missing": _policy,
    "skipped": _policy,
    "inconclusive": _policy,
    "confirm": _confirmation,
    "pairs": _looks,
    "against": _text,
    "against-python": _text,
    "budget": _seconds,
    "data": _text,
    "bands": _bands,
}
assert len(_READERS) == len(fields(Settings))
