"""A GPU as NVML tells of it, from an NVML made up."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modelbench.host.gpu import GpuFacts, GpuState, NvmlGpu, gpu_by_ordinal, gpu_by_uuid
from pytest_modelbench.host.nvml import Nvml, driver_version, open_nvml, why_unseen
from pytest_modelbench.testing.machine import write_files
from pytest_modelbench.testing.nvml import UUID, FakeNvml, MismatchError, NotSupportedError, NVMLError


def opened(library: FakeNvml) -> Nvml:
    nvml = open_nvml(library)
    assert nvml is not None
    return nvml


def gpu_of(library: FakeNvml) -> NvmlGpu:
    gpu = gpu_by_uuid(opened(library), UUID)
    assert gpu is not None
    return gpu


@pytest.mark.parametrize(("prefix", "index"), [("GPU-89", 0), ("GPU-8a", 1), ("GPU-8", None), ("GPU-7", None)])
def test_a_device_is_found_by_the_beginning_of_its_uuid_as_cuda_takes_it(prefix: str, index: int | None) -> None:
    found = gpu_by_ordinal(opened(FakeNvml("GPU-8932f937-d72c", "GPU-8a02f937-d72c")), 0, prefix)
    assert (found.facts().index if found else None) == index


@pytest.mark.parametrize("bus_id", ["00000000:17:00.0", b"00000000:17:00.0", "0000:17:00.0"])
def test_a_device_has_its_place_on_the_bus_as_linux_writes_it(bus_id: str | bytes) -> None:
    library = FakeNvml(nvmlDeviceGetPciInfo=SimpleNamespace(busId=bus_id))
    assert gpu_of(library).facts().bus_id == "0000:17:00.0"


def test_device_is_read_in_hertz_and_watts() -> None:
    gpu = gpu_of(FakeNvml())
    assert gpu.facts() == GpuFacts(
        "NVIDIA H200", 0, 1_980_000_000, 700.0, persistence=True, ecc=True, mig=False, compute_mode=0
    )
    assert gpu.state() == GpuState(1_755_000_000, 0, 61, 540.0, frozenset({os.getpid()}))


def test_older_packages_name_a_device_in_bytes() -> None:
    assert gpu_of(FakeNvml(nvmlDeviceGetName=b"NVIDIA H200")).facts().name == "NVIDIA H200"


@pytest.mark.parametrize(
    ("device", "uuid"),
    [
        ("GPU-1-2", "1-2"),
        ("GPU-1-2", "GPU-1-2"),
        ("MIG-1-2", "1-2"),
        ("MIG-1-2", "MIG-1-2"),
    ],
)
def test_device_is_found_by_its_uuid_as_nvml_or_torch_writes_it(device: str, uuid: str) -> None:
    assert gpu_by_uuid(opened(FakeNvml(device)), uuid) is not None
    assert gpu_by_uuid(opened(FakeNvml("GPU-another")), uuid) is None


@pytest.mark.parametrize(
    ("ordinal", "visible", "index"),
    [
        (1, None, 1),
        (0, "1", 1),
        (1, "1,0", 0),
        (0, "GPU-b", 1),
        (2, None, None),
        (1, "1", None),
        (0, "", None),
        (0, "GPU-c", None),
    ],
)
def test_device_is_found_as_cuda_counts(ordinal: int, visible: str | None, index: int | None) -> None:
    found = gpu_by_ordinal(opened(FakeNvml("GPU-a", "GPU-b")), ordinal, visible)
    assert (found.facts().index if found else None) == index


def test_device_that_supports_nothing_tells_nothing() -> None:
    library = FakeNvml()
    library.answers = dict.fromkeys(library.answers, NotSupportedError())
    library.pids = None
    gpu = gpu_of(library)
    assert gpu.facts() == GpuFacts()
    assert gpu.state() == GpuState()


@pytest.mark.parametrize("new_name", [None, NotSupportedError(), MismatchError()])
def test_older_drivers_and_packages_know_the_reasons_by_their_older_name(new_name: Exception | None) -> None:
    library = FakeNvml(nvmlDeviceGetCurrentClocksThrottleReasons=0x40)
    library.answers["nvmlDeviceGetCurrentClocksEventReasons"] = new_name
    if new_name is None:
        del library.answers["nvmlDeviceGetCurrentClocksEventReasons"]
    assert gpu_of(library).state().reasons == 0x40


def test_functions_that_the_package_has_not_are_none() -> None:
    library = FakeNvml()
    library.answers = {}
    assert gpu_of(library).state() == GpuState(pids=frozenset({os.getpid()}))


def test_no_function_that_changes_a_setting_is_asked_for() -> None:
    asked = []

    class Recording(FakeNvml):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("nvml"):
                asked.append(name)
            return super().__getattribute__(name)

    nvml = opened(Recording())
    with nvml:
        for gpu in (gpu_by_uuid(nvml, UUID), gpu_by_ordinal(nvml, 0, None)):
            assert gpu is not None
            gpu.facts()
            gpu.state()
    assert {name for name in asked if "Get" not in name} == {"nvmlInit", "nvmlShutdown"}
    assert len(asked) > 10


@pytest.mark.parametrize("error", [NVMLError(), MismatchError()])
def test_without_a_driver_that_fits_there_is_no_nvml(error: Exception) -> None:
    assert open_nvml(FakeNvml(fails=error)) is None


def test_without_the_package_there_is_no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_nvml() is None


def test_nvml_is_left_to_whoever_else_opened_it() -> None:
    library = FakeNvml()
    with opened(library), opened(library):
        assert library.open == 2
    assert library.open == 0


def test_why_nothing_is_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeNvml()
    assert why_unseen(library) == ""
    assert library.open == 0
    assert why_unseen(FakeNvml(fails=NVMLError("Driver Not Loaded"))) == "NVML cannot be asked: Driver Not Loaded"
    assert why_unseen(FakeNvml(fails=MismatchError())) == "NVML cannot be asked: MismatchError"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert why_unseen() == "nvidia-ml-py is not installed: pip install 'pytest-modelbench[cuda]'"


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023", "535.104.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (root)", "570.86.15"),
        ("NVRM version: NVIDIA UNIX Kernel Module", None),
        ("", None),
    ],
)
def test_the_kernel_module_tells_its_version(tmp_path: Path, line: str, version: str | None) -> None:
    write_files(tmp_path, {"driver/nvidia/version": f"{line}\nGCC version:  gcc version 12.3.0"})
    assert driver_version(tmp_path) == version
    assert driver_version(tmp_path / "elsewhere") is None
