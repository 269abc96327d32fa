"""Models that a project has and that need no arguments, found in its source: nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.start.modules import Module, Modules

_Function = ast.FunctionDef | ast.AsyncFunctionDef
#: Classes whose subclasses are models, and functions that return one.
_MODULE, _SEQUENTIAL = "torch.nn.Module", "torch.nn.Sequential"
_LIGHTNING = ("lightning", "lightning.pytorch", "pytorch_lightning")
_BASES = frozenset(
    (
        *(_MODULE, "torch.nn.modules.Module", "torch.nn.modules.module.Module", _SEQUENTIAL),
        *(f"{package}.LightningModule" for package in _LIGHTNING),
    )
)
_MAKERS = re.compile(
    r"timm\.(create_model|models\.\w+)|torchvision\.models\.(\w+\.)*\w+|torch\.nn\.Sequential|"
    r"segmentation_models_pytorch\.([A-Z]\w+|create_model)|transformers\.\w+(Model|For[A-Z]\w+)|"
    r"monai\.networks\.nets\.\w+|open_clip\.create_model"
)
_CREATE = re.compile(r"timm\.(models\.(factory\.|_factory\.)?)?create_model")
_REGISTER = re.compile(r"timm\.models\.(_?registry\.)?register_model")
#: Decorators that leave a function what it is.
_HARMLESS = re.compile(r"functools\.(lru_)?cache|torch\.(no_grad|inference_mode)")
#: Modules whose classes and functions are parts of models, or no models at all.
_OF_PARTS = re.compile(
    r"(.*_)?(layers?|blocks?|modules?_?utils?|ops|activations?|attention|norms?|pooling|necks?|heads?|loss(es)?|criterion|"
    r"transforms?|augment(ation)?s?|metrics?|utils?|callbacks?)"
)
_TIMM_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)?")


class Kind(Enum):
    """How a model is made; what is more surely meant to be used comes first."""

    REGISTERED = "registered with timm"
    FACTORY = "a function that returns one"
    CLASS = "a class"
    TIMM = "timm's, by the name that the project has it by"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model as ``build_model`` takes it."""

    reference: str
    kind: Kind
    origin: str = "."  #: the folder that its module is imported from


@dataclass(frozen=True, slots=True)
class _Class:
    module: Module
    node: ast.ClassDef
    bases: tuple[str, ...]


def find_models(modules: Modules) -> list[Candidate]:
    """Models of ``modules`` that can be built from nothing, what is more surely meant to be used first.

    Functions registered with timm, functions that return a model, subclasses of torch.nn.Module whose forward takes one
    argument, and names of timm's models. What only serves as a part of another one is left out.
    """
    classes = {
        f"{module.name}.{node.name}": _Class(module, node, tuple(map(module.dotted, node.bases)))
        for module in modules.modules
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }
    networks = _networks(classes)
    functions = [
        (module, node) for module in modules.modules for node in module.tree.body if isinstance(node, _Function)
    ]
    makers = _makers(functions, networks)
    parts = {
        name
        for full in networks
        for name in _named(classes[full].module, classes[full].node.body)
        if name != full and not name.endswith("." + classes[full].node.name)
    }
    found = []
    for module, function in functions:
        kind = _kind_of(module, function, f"{module.name}.{function.name}" in makers)
        if kind is not None:
            found.append(Candidate(f"{module.name}:{function.name}", kind, module.origin))
            parts |= _named(module, function.body)
    for full in networks:
        one = classes[full]
        if full not in parts and not _holds_parts(one.module) and _is_model(full, classes):
            found.append(Candidate(f"{one.module.name}:{one.node.name}", Kind.CLASS, one.module.origin))
    found += [Candidate(name, Kind.TIMM) for name in dict.fromkeys(_timm_names(modules.modules, makers, networks))]
    order = list(Kind)
    return sorted(found, key=lambda one: (order.index(one.kind), one.reference))


def _kind_of(module: Module, function: _Function, makes: bool) -> Kind | None:
    """What kind of model the function is, if it can be called with nothing; ``makes``: it is seen to return one."""
    if function.name.startswith("_") or _open_arguments(function.args):
        return None
    decorators = [module.dotted(one.func if isinstance(one, ast.Call) else one) for one in function.decorator_list]
    if any(map(_REGISTER.fullmatch, decorators)):
        return Kind.REGISTERED
    harmless = makes and all(map(_HARMLESS.fullmatch, decorators)) and not _holds_parts(module)
    return Kind.FACTORY if harmless else None


def _holds_parts(module: Module) -> bool:
    return any(map(_OF_PARTS.fullmatch, module.name.lower().split(".")))


def _networks(classes: dict[str, _Class]) -> set[str]:
    """Those of ``classes`` that derive from torch.nn.Module."""
    found: set[str] = set()
    while True:
        more = {
            full
            for full, one in classes.items()
            if full not in found
            and any(_full(base, one.module) in found or base in _BASES or _MAKERS.fullmatch(base) for base in one.bases)
        }
        if not more:
            return found
        found |= more


def _full(name: str, module: Module) -> str:
    """The dotted name of what ``module`` calls ``name``: its own, if it does not import it."""
    return name if "." in name else f"{module.name}.{name}"


def _makers(functions: Iterable[tuple[Module, _Function]], networks: set[str]) -> set[str]:
    """Functions that return a model: their annotation says so, or what they return does."""
    found: set[str] = set()
    functions = list(functions)
    while True:
        known = found | networks
        more = set()
        for module, function in functions:
            full = f"{module.name}.{function.name}"
            if full not in found and _returns_model(module, function, known):
                more.add(full)
        if not more:
            return found
        found |= more


def _returns_model(module: Module, function: _Function, known: set[str]) -> bool:
    annotated = function.returns
    if isinstance(annotated, ast.Constant) and isinstance(annotated.value, str):
        return annotated.value in ("nn.Module", _MODULE)
    told = module.dotted(annotated)
    if told and (told in _BASES or _MAKERS.fullmatch(told) or _full(told, module) in known):
        return True
    made = {
        target.id
        for node in _own_nodes(function)
        if isinstance(node, ast.Assign) and _is_made(module, node.value, known)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        _is_made(module, node.value, known) or (isinstance(node.value, ast.Name) and node.value.id in made)
        for node in _own_nodes(function)
        if isinstance(node, ast.Return)
    )


def _is_made(module: Module, value: ast.expr | None, known: set[str]) -> bool:
    name = module.dotted(value.func) if isinstance(value, ast.Call) else ""
    return bool(name) and (_MAKERS.fullmatch(name) is not None or _full(name, module) in known)


def _own_nodes(function: _Function) -> Iterator[ast.AST]:
    """Nodes of a function, without those of functions and classes within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (_Function, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _named(module: Module, body: list[ast.stmt]) -> set[str]:
    """Everything that ``body`` names, by its dotted name."""
    return {
        _full(name, module)
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, (ast.Name, ast.Attribute)) and (name := module.dotted(node))
    }


def _is_model(full: str, classes: dict[str, _Class]) -> bool:
    """Whether the class can be made of nothing, and its forward takes images alone."""
    one = classes[full]
    abstract = any(base.rpartition(".")[2] in ("ABC", "Protocol") for base in one.bases)
    if one.node.name.startswith("_") or abstract or one.node.decorator_list:
        return False
    init, forward = _method("__init__", full, classes), _method("forward", full, classes)
    if init is not None and _open_arguments(init.args, own=1):
        return False
    if forward is None:
        return _SEQUENTIAL in _ancestors(full, classes)
    return len(_open_arguments(forward.args, own=1)) == 1


def _ancestors(full: str, classes: dict[str, _Class]) -> list[str]:
    """The class and what it derives from, nearest first, as far as it is of the project."""
    found, waiting = [], [full]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            if name in classes:
                waiting += [
                    base if base in _BASES else _full(base, classes[name].module) for base in classes[name].bases
                ]
    return found


def _method(name: str, full: str, classes: dict[str, _Class]) -> _Function | None:
    for ancestor in _ancestors(full, classes):
        for node in classes[ancestor].node.body if ancestor in classes else ():
            if isinstance(node, _Function) and node.name == name:
                return node
    return None


def _open_arguments(arguments: ast.arguments, own: int = 0) -> list[str]:
    """Names of arguments that have to be given, without the first ``own``."""
    by_place = [*arguments.posonlyargs, *arguments.args]
    without = by_place[: len(by_place) - len(arguments.defaults)]
    by_name = [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    return [one.arg for one in [*without[own:], *by_name]]


def _timm_names(modules: Iterable[Module], makers: set[str], networks: set[str]) -> Iterator[str]:
    """Names that timm.create_model is given, outside of what is found by itself."""
    for module in modules:
        for statement in module.tree.body:
            name = f"{module.name}.{getattr(statement, 'name', '')}"
            if name in makers or name in networks:
                continue
            for node in ast.walk(statement):
                if not isinstance(node, ast.Call) or not _CREATE.fullmatch(module.dotted(node.func)):
                    continue
                first = node.args[0] if node.args else None
                told = first.value if isinstance(first, ast.Constant) else None
                if isinstance(told, str) and _TIMM_NAME.fullmatch(told):
                    yield told
