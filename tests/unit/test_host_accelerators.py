"""Traces of an accelerator in the file system."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from pytest_modelbench.host.accelerators import accelerator_possible


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: ())


def test_a_linux_without_drivers_has_none(tmp_path: Path) -> None:
    for other in ("dev/nvme0n1", "dev/dri/card0", "dev/null"):
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).touch()
    assert not accelerator_possible(tmp_path, "linux")


@pytest.mark.parametrize(
    "node",
    [
        "proc/driver/nvidia",
        "dev/nvidiactl",
        "dev/nvidia0",
        "dev/nvhost-gpu",
        "dev/dxg",
        "dev/kfd",
        "dev/dri/renderD128",
    ],
)
def test_a_drivers_file_is_a_trace(node: str, tmp_path: Path) -> None:
    (tmp_path / node).parent.mkdir(parents=True)
    (tmp_path / node).touch()
    assert accelerator_possible(tmp_path, "linux")


def test_a_package_may_bring_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: ["torch_npu"] if group == "torch.backends" else [])
    assert accelerator_possible(tmp_path, "linux")


def test_elsewhere_torch_has_to_be_asked(tmp_path: Path) -> None:
    assert accelerator_possible(tmp_path, "darwin")
