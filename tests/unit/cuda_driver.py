"""A CUDA driver that is made up: it knows of one recording, and tells of it as NVIDIA's does."""

from __future__ import annotations

from pytest_modelbench.host.cuda_recording import _KernelParams

_FIRST = 1000


class FakeDriver:
    """``lazy``: kernels are known by the handle that libraries have which load them when they are first used."""

    params_type = _KernelParams

    def __init__(self, graph: int = 42, lazy: bool = False) -> None:
        self.streams: set[int] = set()
        self._graph = graph
        self._lazy = lazy
        self._recorded: list[bytes | int] = []

    def records(self, *work: bytes | int) -> None:
        """Kernels by their names, other nodes by their kinds."""
        self._recorded += work

    def cuStreamGetCaptureInfo_v2(self, stream, status, number, graph, before, count):  # noqa: N802
        self.streams.add(stream.value)
        graph._obj.value = self._graph
        return 0

    def cuGraphGetNodes(self, graph, nodes, count):  # noqa: N802
        assert graph.value == self._graph
        count._obj.value = len(self._recorded)
        for place in range(len(self._recorded) if nodes is not None else 0):
            nodes[place] = _FIRST + place
        return 0

    def cuGraphNodeGetType(self, node, kind):  # noqa: N802
        work = self._recorded[node.value - _FIRST]
        kind._obj.value = work if isinstance(work, int) else 0
        return 0

    def cuGraphKernelNodeGetParams_v2(self, node, params):  # noqa: N802
        setattr(params._obj, "kernel" if self._lazy else "func", node.value)
        return 0

    def cuFuncGetName(self, name, handle):  # noqa: N802
        name._obj.value = self._recorded[handle.value - _FIRST]
        return 0

    cuKernelGetName = cuFuncGetName  # noqa: N815
