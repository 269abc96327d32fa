"""What a peak of memory consists of: every storage that is alive then, by what it is for and the part that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.memory_plan import Kind, Part
from pytest_modelbench.measure.timeline import Timeline
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.training import TrainStep

#: A tensor, and what it is for in which part of the model.
Held = tuple[Tensor, tuple[Kind, str]]
#: What a storage is for by the phase that it was made in, unless it is known better.
_KINDS = {"forward": Kind.ACTIVATIONS, "backward": Kind.TEMPORARY, "optimizer": Kind.TEMPORARY}


class PeakParts:
    """What the peak of a run consists of, as its ``timeline`` tells.

    ``held`` gives what is alive around it, and for what.
    """

    def __init__(self, timeline: Timeline, held: Callable[[], Iterable[Held]]) -> None:
        self._timeline = timeline
        self._held = held
        self._known: dict[int, tuple[Kind, str]] = {}  # by the life's identity: the timeline keeps them all
        self.found: tuple[Part, ...] = ()  #: once `follow` has returned

    def follow(self, run: Callable[[], object]) -> None:
        """Call ``run``, which the timeline follows. What counts is the first call."""
        self._note()
        run()
        self._note()  # gradients are others than before
        self.found = self.found or self._parts()

    def _note(self) -> None:
        for tensor, what in self._held():
            if (life := self._timeline.life_of(tensor)) is not None:
                self._known.setdefault(id(life), what)

    def _parts(self) -> tuple[Part, ...]:
        """All that is alive at the peak, in the order in which it was made; adds up to it."""
        sizes: Counter[tuple[Kind, str]] = Counter()
        for life in self._timeline.at_peak():
            made = (_KINDS[life.place.phase], life.place.module) if life.operator else (Kind.OTHER, "")
            sizes[self._known.get(id(life), made)] += life.size_bytes
        return tuple(Part(*what, size) for what, size in sizes.items())


def broken_down(parts: Iterable[Part]) -> Breakdown:
    """``parts`` as what a size is the sum of."""
    return Breakdown.of({(part.module, part.kind.value): part.size_bytes for part in parts})


def held_by(bare: BuiltModel, step: TrainStep | None = None, *, training: bool = False) -> Iterator[Held]:
    """What is alive around a pass of ``bare``, in ``training`` with targets, or around a ``step`` of its training."""
    state: Mapping[Any, Any] = step.optimizer_state if step else {}
    for name, parameter in bare.module.named_parameters():
        of = name.rpartition(".")[0]
        yield parameter, (Kind.PARAMETERS, of)
        if parameter.grad is not None:
            yield parameter.grad, (Kind.GRADIENTS, of)
        for leaf in tree_leaves(state.get(parameter, {})):
            if isinstance(leaf, Tensor):
                yield leaf, (Kind.OPTIMIZER, of)
    for name, buffer in bare.module.named_buffers():
        yield buffer, (Kind.BUFFERS, name.rpartition(".")[0])
    targets = bare.targets if training or step else None
    for tensor in (*bare.arguments.tensors(), *tree_leaves(targets)):
        if isinstance(tensor, Tensor):
            yield tensor, (Kind.INPUTS, "")
