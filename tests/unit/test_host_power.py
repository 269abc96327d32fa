"""Power supplies from folders that stand for those of sysfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modelbench.host import power
from pytest_modelbench.testing.machine import write_files


@pytest.mark.parametrize(
    ("supplies", "on_battery"),
    [
        ({}, None),
        ({"AC/type": "Mains"}, False),
        ({"AC/type": "Mains", "BAT0/type": "Battery", "BAT0/status": "Charging"}, False),
        ({"AC/type": "Mains", "BAT0/type": "Battery", "BAT0/status": "Discharging"}, True),
        ({"mouse/type": "Battery", "mouse/status": "Discharging", "mouse/scope": "Device"}, None),
    ],
)
def test_only_the_machines_own_battery_counts(tmp_path: Path, supplies: dict[str, str], on_battery: bool) -> None:
    write_files(tmp_path, {f"supplies/{name}": text for name, text in supplies.items()})
    assert power.on_battery(tmp_path / "supplies") is on_battery
