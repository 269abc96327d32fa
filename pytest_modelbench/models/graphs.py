"""A forward pass as a CUDA graph: one launch for all of its kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from pytest_modelbench.core.errors import BuildError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: Why this process should measure no more on its device: a recording that failed leaves torch's allocator in the middle
#: of it before torch 2.12, with the stream that was recorded in.
FAILED: list[str] = []
#: What helps where somebody asked for a recording.
LEAVE_OUT = "leave cuda_graph= out, or what in it waits for the device, such as .item()"
#: Passes before the one that is recorded, in which libraries choose algorithms and allocate: as torch itself makes.
_BEFORE = 3


@contextmanager
def graphed(
    run: Callable[[], object], case: str, device: torch.device, advice: str = LEAVE_OUT
) -> Iterator[Callable[[], object]]:
    """A callable that replays what ``run`` does on ``device``, into the same output each time.

    Raises BuildError for what cannot be recorded, as that which waits for the device or depends on its values; it ends
    with ``advice``.
    """
    current, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    aside.wait_stream(current)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(aside):
        for _ in range(_BEFORE):
            run()
    current.wait_stream(aside)
    try:
        with torch.cuda.graph(graph, stream=aside):
            run()
    except RuntimeError as error:
        FAILED.append(f"recording {case} as a CUDA graph failed")
        # What the end of the recording says of it comes after what ended it.
        first = error.__context__ if isinstance(error.__context__, RuntimeError) else error
        if isinstance(first, torch.OutOfMemoryError):
            raise first from error
        why = str(first).partition("\n")[0]
        raise BuildError(f"{case}: its forward pass cannot be recorded as a CUDA graph ({why}); {advice}") from error
    finally:
        torch.cuda.set_stream(current)
    try:
        yield graph.replay
    finally:
        torch.cuda.synchronize(device)
        graph.reset()
