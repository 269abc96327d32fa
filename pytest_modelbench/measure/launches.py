"""What a pass launches on a CUDA device, by part of the model: exact, as the driver counts it while a pass is recorded.

A recording takes each kernel in as it is launched, and runs none. A profiler would count the same, but slows launches
down as long as the process lives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import torch
from torch import nn

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.host.cuda_recording import CudaRecording
from pytest_modelbench.measure.places import Places

#: Of a kernel's name, which may be as long as a page.
_MOST_CHARACTERS = 80
#: What one of PyTorch's general kernels does, among its template's arguments.
_DOES = re.compile(r"\w*Functor\w*|\w+_cuda\b|\w+KernelImpl|launch_\w+")


class Launches(Places):
    """Counts what ``module`` launches while a stream is being recorded; ``recording`` is that of the current one."""

    def __init__(self, module: nn.Module, recording: Callable[[], CudaRecording] | None = None) -> None:
        super().__init__(module)
        self._of_current = recording or _current
        self._recording: CudaRecording | None = None
        self._owner = ""
        self._seen: set[int] = set()
        self._counted: Counter[tuple[str, str]] = Counter()

    def call(self, run: Callable[[], object]) -> None:
        """Call ``run``, which is one pass; where a recording is under way, count what it launches."""
        if not torch.cuda.is_current_stream_capturing():
            run()
            return
        self._recording, self._seen, self._counted = self._of_current(), set(), Counter()
        with self:
            run()
        self._take()
        self._recording = None

    def breakdown(self) -> Breakdown:
        """How often each kernel is launched, by part, in the order of their first."""
        return Breakdown.of(self._counted)

    def _note(self) -> None:
        """What was launched up to here is of the part that ran until now."""
        self._take()
        self._owner = self._stack[-1] if self._stack else ""

    def _take(self) -> None:
        if self._recording is None:
            return
        for node in self._recording.nodes():
            if node not in self._seen and (work := self._recording.work_of(node)):
                self._counted[self._owner, short_name(work)] += 1
            self._seen.add(node)


def short_name(kernel: str) -> str:
    """A kernel's name as people know it, from a mangled one: without types, and with what a general one does."""
    plain = torch._C._demangle(kernel) if kernel.startswith("_Z") else kernel
    bare = plain.replace("(anonymous namespace)", "")
    head = re.split(r"[<(]", bare, maxsplit=1)[0]
    name = head.split()[-1].rpartition("::")[2] if kernel.startswith("_Z") and head.split() else head
    does = _DOES.search(bare[len(head) :])
    return f"{name} of {does[0]}"[:_MOST_CHARACTERS] if does else name[:_MOST_CHARACTERS]


def _current() -> CudaRecording:
    return CudaRecording(torch.cuda.current_stream().cuda_stream)
