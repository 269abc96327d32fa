"""The page of fixtures and public names: signatures and docstrings as they stand in the code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest_modelbench
from pytest_modelbench import plugin, testing
from pytest_modelbench.reference.markdown import code, docstring, first_line, signature, table

_INTRODUCTION = """\
# Fixtures and names

Written by `python -m pytest_modelbench.reference docs/reference` from signatures and docstrings; a test keeps this page
equal to them.

A test asks for a fixture by its name. Benchmark tests ask for `modelbench`, and mostly for `build_model`;
`device_timer` and `peak_memory` serve plain asserts in any test.

```python
def test_net(build_model, modelbench):
    model = build_model("resnet18", batch_size=8)
    modelbench.latency(model)
```
"""
#: What the arguments of `build_model` are; a test holds this to its signature.
ARGUMENTS = {
    "model": 'a timm name, a callable that returns a module, or `"package.module:callable"`',
    "batch_size": "how many samples one call handles",
    "image_size": "side of the images, or (height, width); by default the model's own, else 224",
    "inputs": "what goes in where that is not one image: [shapes, or a function](../how-to/inputs.md)",
    "precision": "`fp32`; `bf16` and `fp16` for weights and inputs; `amp-bf16` and `amp-fp16` for autocast; `amp` is "
    "the latter on CUDA, the former elsewhere",
    "channels_last": "whether weights and images lie in memory with the channels last",
    "compile": "whether torch.compile compiles it, or a dict of its arguments",
    "cuda_graph": "whether a recorded CUDA graph is timed; the test is skipped on other devices",
    "pretrained": "whether a timm model has its published weights",
    "checkpoint": "a file of weights: [your own checkpoint](../how-to/checkpoint.md)",
    "seed": "what weights and inputs are drawn from",
    "name": "what results call the model",
    "task": "`classification`, `detection`, `instance_segmentation` or `segmentation`: the head over a timm backbone",
    "technique": "one or several of `checkpoint`, `inplace_abn`, `act=NAME` and others, which change a timm model",
    "builder_args": "keyword arguments of the builder whose names are among these",
    "builder_arguments": "any other keyword argument is the builder's",
}
#: In the order of the page.
FIXTURES = ("build_model", "modelbench", "device_timer", "peak_memory")


def render() -> str:
    """The page of all fixtures and public names."""
    parts = [_INTRODUCTION, "## `build_model`", docstring(plugin.build_model)]
    built = pytest_modelbench.BuildModel.__call__
    parts += [_block(signature("build_model", built)), docstring(built), _arguments()]
    parts += ["## `modelbench`", docstring(plugin.modelbench)]
    for name, method in _public(pytest_modelbench.ModelBench):
        parts.append(f"### `{name}`")
        parts += (
            [_block(f"modelbench.{name}"), docstring(method)] if isinstance(method, property) else _called(name, method)
        )
    timer, peak = pytest_modelbench.DeviceTimer, pytest_modelbench.PeakMemory
    parts += ["## `device_timer`", docstring(plugin.device_timer)]
    parts += [_block(signature("device_timer", timer.__call__)), docstring(timer.__call__)]
    # `modelbench.peak_memory` has the plain anchor.
    parts += ["## The fixture `peak_memory`", docstring(plugin.peak_memory)]
    parts += [_block(signature("peak_memory", peak.__call__)), docstring(peak.__call__)]
    parts += ["## What `build_model` returns", docstring(pytest_modelbench.BuiltModel), _members()]
    parts += ["## Names to import", "`from pytest_modelbench import ...`: what fixtures are annotated with.", _names()]
    parts += ["## Fakes for tests of your own", docstring(testing), _fakes()]
    return "\n\n".join(filter(None, (part.strip("\n") for part in parts))) + "\n"


def _called(name: str, method: Any) -> list[str]:
    return [_block(signature(f"modelbench.{name}", method)), docstring(method)]


def _block(text: str) -> str:
    return f"```python\n{text}\n```"


def _public(of: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties that people may use, in the order of the source, those of base classes last."""
    seen = set()
    for owner in of.__mro__[:-1]:
        for name, value in vars(owner).items():
            if not name.startswith("_") and (callable(value) or isinstance(value, property)) and name not in seen:
                seen.add(name)
                yield name, value


def _arguments() -> str:
    return table(("argument", "what it is"), [[code(name), text] for name, text in ARGUMENTS.items()])


def _members() -> str:
    rows = [[code(name), first_line(value)] for name, value in _public(pytest_modelbench.BuiltModel)]
    return table(("attribute or method", "what it is"), rows)


def _names() -> str:
    return table(("name", "what it is"), [[code(name), _about(name)] for name in pytest_modelbench.__all__])


def _about(name: str) -> str:
    return "the version, as text" if name == "__version__" else first_line(getattr(pytest_modelbench, name))


def _fakes() -> str:
    rows = []
    for module in sorted(one.name for one in iter_modules(testing.__path__)):
        found = import_module(f"{testing.__name__}.{module}")
        rows += [[code(f"{found.__name__.partition('.')[2]}.{name}"), first_line(one)] for name, one in _own(found)]
    return table(("name in `pytest_modelbench`", "what it is"), rows)


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Classes and functions of ``module`` itself."""
    for name, one in vars(module).items():
        own = getattr(one, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (inspect.isclass(one) or inspect.isfunction(one)):
            yield name, one
