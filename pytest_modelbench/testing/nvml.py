"""nvidia-ml-py made up, so that no test needs a device."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

UUID = "GPU-11111111-2222-3333-4444-555555555555"


class NVMLError(Exception):
    pass


class NotSupportedError(NVMLError):
    pass


class NotFoundError(NVMLError):
    pass


class MismatchError(Exception):
    """As in nvidia-ml-py, no NVMLError: the driver is older than the package."""


class FakeNvml(SimpleNamespace):
    """nvidia-ml-py over GPUs by their UUIDs, which all answer alike but for their index.

    ``answers`` may hold exceptions; what is not in it, the package has not. ``fails`` is what opening it raises, and
    ``open`` how many have opened it and not closed it yet.
    """

    NVMLError = NVMLError
    NVMLError_NotFound = NotFoundError
    NVMLLibraryMismatchError = MismatchError

    def __init__(self, *devices: str, fails: Exception | None = None, **answers: object) -> None:
        super().__init__()
        self.devices = devices or (UUID,)
        self.fails = fails
        self.open = 0
        self.pids: list[int] | None = [os.getpid()]
        self.busy: list[tuple[int, int, int]] | None = None  #: when, which process and how much; None: not told
        self.answers: dict[str, object] = {
            "nvmlDeviceGetName": "NVIDIA H200",
            "nvmlDeviceGetCurrentClocksEventReasons": 0,
            "nvmlDeviceGetClockInfo": 1755,
            "nvmlDeviceGetMaxClockInfo": 1980,
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 540_000,
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetPersistenceMode": 1,
            "nvmlDeviceGetEccMode": [1, 0],
            "nvmlDeviceGetMigMode": [0, 1],
            "nvmlDeviceGetComputeMode": 0,
        } | answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self.__dict__.get("answers", {}):
            raise AttributeError(name)

        def function(handle: str, *kind: int) -> object:
            self._index(handle)
            # SM, not graphics or memory; the GPU's own sensor
            assert kind == {"Cloc": (1,), "MaxC": (1,), "Temp": (0,)}.get(name[13:17], ())
            if isinstance(answer := self.answers[name], Exception):
                raise answer
            return answer

        return function

    def nvmlInit(self) -> None:  # noqa: N802
        if self.fails:
            raise self.fails
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        assert self.open
        return "580.65.06"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid not in self.devices:
            raise NVMLError
        return f"handle of {uuid}"

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        if index >= len(self.devices):
            raise NVMLError
        return f"handle of {self.devices[index]}"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.devices)

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return self.devices[self._index(handle)]

    def nvmlDeviceGetIndex(self, handle: str) -> int:  # noqa: N802
        return self._index(handle)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[SimpleNamespace]:  # noqa: N802
        self._index(handle)
        if self.pids is None:
            raise NotSupportedError
        return [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in self.pids]

    def nvmlDeviceGetProcessUtilization(self, handle: str, seen_us: int) -> list[SimpleNamespace]:  # noqa: N802
        self._index(handle)
        if self.busy is None:
            raise NotSupportedError
        found = [SimpleNamespace(timeStamp=at, pid=pid, smUtil=share) for at, pid, share in self.busy if at > seen_us]
        if not found:
            raise NotFoundError
        return found

    def _index(self, handle: str) -> int:
        assert self.open
        return self.devices.index(handle.removeprefix("handle of "))
