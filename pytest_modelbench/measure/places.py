"""Where in a module something happens: in which part of it, and in which phase of a step, forward and backward.

In the forward pass the module that runs is known by hooks. In the backward pass an operator belongs to the part that
made its node of the graph: nodes are numbered as they are made, and it is known which part ran at which number.
"""

from __future__ import annotations

from bisect import bisect_right
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

#: What follows each phase of a training step, unless there are more batches than one.
_NEXT = {"forward": "backward", "backward": "optimizer", "optimizer": "forward"}
#: What autograd numbers the nodes that add up gradients of parameters by.
_LEAF = 2**64 - 1


class Place(NamedTuple):
    """A part of a module, by its name in it (empty: the module itself, or none of its parts), and the phase."""

    module: str
    phase: str


class Places:
    """Knows, while it is entered, where in ``module`` this thread is.

    Without `next_phase`, a pass is forward but for what autograd runs.
    """

    def __init__(self, module: nn.Module) -> None:
        self._phase = "forward"
        self._names = {id(part): name for name, part in module.named_modules()}
        self._parameters = {id(one): name.rpartition(".")[0] for name, one in module.named_parameters()}
        self._parts = module  # so that what they are known by stays theirs
        self._stack: list[str] = []
        self._numbers: list[int] = [0]
        self._running: list[str] = [""]
        self._hooks: list[Any] = []

    def __enter__(self) -> Places:
        self._hooks = [
            register_module_forward_pre_hook(self._begins),
            register_module_forward_hook(self._ends, always_call=True),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def next_phase(self, ended: str) -> None:
        """A phase of a training step has ``ended``."""
        self._phase = _NEXT[ended]

    @property
    def within(self) -> bool:
        """Whether the module runs, or autograd: not whoever calls them."""
        return bool(self._stack) or torch._C._current_autograd_node() is not None

    def here(self) -> Place:
        """Where this thread is now."""
        if self._stack:
            # Of a part that is run again within the backward pass, for what was not kept of it.
            return Place(self._stack[-1], self._phase)
        if (node := torch._C._current_autograd_node()) is None:
            return Place("", self._phase)
        return Place(self._of_node(node), "backward" if self._phase == "forward" else self._phase)

    def _of_node(self, node: Any) -> str:
        number = node._sequence_nr()
        if number == _LEAF:
            return self._parameters.get(id(getattr(node, "variable", None)), "")
        return self._running[bisect_right(self._numbers, number) - 1]

    def _begins(self, part: nn.Module, inputs: Any) -> None:
        if (name := self._names.get(id(part))) is not None:
            if self._phase == "optimizer":  # there was another batch before
                self._phase = "forward"
            self._stack.append(name)
            self._note()

    def _ends(self, part: nn.Module, inputs: Any, output: Any) -> None:
        if id(part) in self._names and self._stack:
            self._stack.pop()
            self._note()

    def _note(self) -> None:
        """From the next node of the graph on, the part on top of the stack makes them."""
        self._numbers.append(torch._C._autograd._get_sequence_nr())
        self._running.append(self._stack[-1] if self._stack else "")
