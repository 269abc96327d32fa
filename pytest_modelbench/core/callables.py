"""What a test's own callables are called in a case, and what tells two of them apart."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

_SIMPLE = (bool, int, float, str, type(None))
#: What every torch.nn.Module has.
_OF_ALL = frozenset({"training", "call_super_init", "dump_patches"})


def short_name(given: Callable[..., Any]) -> str:
    """``cross_entropy``, ``CrossEntropyLoss``, ``lambda``: in short, for the name of a case."""
    inner = given.func if isinstance(given, functools.partial) else given
    name: str = getattr(inner, "__qualname__", type(inner).__qualname__)
    name = name.rpartition("<locals>.")[2]
    return "lambda" if name == "<lambda>" else name.rpartition(".")[2]


def identity(given: Callable[..., Any]) -> str:
    """What tells ``given`` apart from others, the same in every process: its name, a lambda's text, what is bound.

    Of an object that is called, such as a loss that is a module, its plain attributes.
    """
    if isinstance(given, functools.partial):
        bound = [*map(_shown, given.args), *(f"{key}={_shown(one)}" for key, one in sorted(given.keywords.items()))]
        return f"{identity(given.func)}({', '.join(bound)})"
    if (name := getattr(given, "__qualname__", None)) is None:
        plain = {key: value for key, value in vars(given).items() if isinstance(value, _SIMPLE)}
        told = [f"{key}={plain[key]}" for key in sorted(plain) if not key.startswith("_") and key not in _OF_ALL]
        return f"{_placed(type(given))}({', '.join(told)})"
    return _text(given) if name.endswith("<lambda>") else _placed(given)


def _placed(given: Any) -> str:
    # The last part of its module alone: how tests are imported decides on the others.
    name = given.__qualname__.rpartition("<locals>.")[2]
    module = str(getattr(given, "__module__", None) or "").rpartition(".")[2]
    return f"{module}.{name}" if module else name


def _shown(value: object) -> str:
    if isinstance(value, _SIMPLE):
        return str(value)
    return identity(value) if callable(value) else type(value).__qualname__


def _text(given: Any) -> str:
    """A lambda as it is written, laid out alike whoever wrote it; ``lambda`` where its source is not to be had."""
    try:
        lines, _ = inspect.findsource(given)
        tree = ast.parse("".join(lines))
    except (OSError, TypeError, SyntaxError):
        return "lambda"
    code = given.__code__
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno]
    # Of several in one line the one that stands there. Python 3.10 does not tell: there, one that is made of the same.
    if hasattr(code, "co_positions"):
        columns = {position[2:] for position in code.co_positions()}
        found = [node for node in found if (node.body.col_offset, node.body.end_col_offset) in columns] or found
    found = [node for node in found if _names_in(_code_of(node)) == _names_in(code)] or found
    return " | ".join(map(ast.unparse, found)) or "lambda"


def _code_of(node: ast.Lambda) -> CodeType:
    made: CodeType = eval(compile(ast.Expression(node), "lambda", "eval")).__code__  # defined, and not called
    return made


def _names_in(code: CodeType) -> tuple[object, ...]:
    """What a lambda is made of: names that are variables around it elsewhere are global ones where it stands alone."""
    constants = [one for one in code.co_consts if not isinstance(one, CodeType)]
    return code.co_varnames, sorted((*code.co_names, *code.co_freevars)), constants
