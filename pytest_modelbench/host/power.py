"""What the machine is fed from."""

from __future__ import annotations

from pathlib import Path

from pytest_modelbench.host.files import file_text

SUPPLIES = Path("/sys/class/power_supply")


def on_battery(supplies: Path = SUPPLIES) -> bool | None:
    """Whether the machine's own battery is being emptied; None if it has no power supply that tells."""
    found = sorted(supplies.glob("*")) if supplies.is_dir() else []
    # A battery with scope "Device" is in a mouse.
    own = [one for one in found if file_text(one / "scope") != "Device"]
    batteries = [one for one in own if file_text(one / "type") == "Battery"]
    return any(file_text(one / "status") == "Discharging" for one in batteries) if own else None
