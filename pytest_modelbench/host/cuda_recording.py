"""What a CUDA stream that is being recorded has been given so far, as the driver tells: kernels, copies, fills.

Asked by its own library, as torch has no such question. Nothing is changed, and nothing runs slower for it afterwards,
as it does once a profiler has been attached.
"""

from __future__ import annotations

import ctypes
from typing import Any

from pytest_modelbench.core.errors import MeasureError

#: Of cuda.h: CUgraphNodeType. The others (events, empty nodes, ...) put one thing before another, and run nothing.
_KERNEL = 0
_WORK = {1: "copy of memory", 2: "fill of memory", 3: "call of the host", 4: "another recording"}


class _KernelParams(ctypes.Structure):
    """Of cuda.h: CUDA_KERNEL_NODE_PARAMS_v2."""

    _fields_ = (
        ("func", ctypes.c_void_p),
        *((f"{of}_{axis}", ctypes.c_uint) for of in ("grid", "block") for axis in "xyz"),
        ("shared_bytes", ctypes.c_uint),
        ("params", ctypes.c_void_p),
        ("extra", ctypes.c_void_p),
        ("kernel", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
    )


class CudaRecording:
    """The recording of ``stream``, by its handle, as it grows; ``driver`` stands in for NVIDIA's library."""

    def __init__(self, stream: int, driver: Any = None) -> None:
        self._stream = ctypes.c_void_p(stream)
        self._driver = driver or ctypes.CDLL("libcuda.so.1")

    def nodes(self) -> list[int]:
        """Handles of all that has been recorded so far. Raises MeasureError where the driver does not tell."""
        status, number, graph = ctypes.c_int(), ctypes.c_uint64(), ctypes.c_void_p()
        before, count = ctypes.c_void_p(), ctypes.c_size_t()
        self._ask(
            "cuStreamGetCaptureInfo_v2", self._stream,
            *map(ctypes.byref, (status, number, graph, before, count)),
        )  # fmt: skip
        if not graph:
            raise MeasureError("the CUDA driver says that the stream is not being recorded")
        self._ask("cuGraphGetNodes", graph, None, ctypes.byref(count))
        found = (ctypes.c_void_p * count.value)()
        if count.value:
            self._ask("cuGraphGetNodes", graph, found, ctypes.byref(count))
        return [node for node in found if node]

    def work_of(self, node: int) -> str:
        """What ``node`` is: the (mangled) name of a kernel, or what else runs; empty: nothing does."""
        kind = ctypes.c_int()
        self._ask("cuGraphNodeGetType", ctypes.c_void_p(node), ctypes.byref(kind))
        return self._kernel(node) if kind.value == _KERNEL else _WORK.get(kind.value, "")

    def _kernel(self, node: int) -> str:
        params, name = _KernelParams(), ctypes.c_char_p()
        self._ask("cuGraphKernelNodeGetParams_v2", ctypes.c_void_p(node), ctypes.byref(params))
        # Drivers before 12.3 tell no names.
        for function, handle in (("cuFuncGetName", params.func), ("cuKernelGetName", params.kernel)):
            ask = getattr(self._driver, function, None)
            if handle and ask and not ask(ctypes.byref(name), ctypes.c_void_p(handle)) and name.value:
                return name.value.decode(errors="replace")
        return "kernel"

    def _ask(self, function: str, *given: Any) -> None:
        ask = getattr(self._driver, function, None)
        if ask is None:
            raise MeasureError(f"this CUDA driver has no {function}: launches can be counted from version 525 on")
        if code := ask(*given):
            raise MeasureError(f"the CUDA driver answered {function} with error {code}")
