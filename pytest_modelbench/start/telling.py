"""What is told of a project and of the files that its gate begins with."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_modelbench.core.places import told_path
from pytest_modelbench.core.printable import printable
from pytest_modelbench.start.files import Fate, Plan
from pytest_modelbench.start.hosts import Host
from pytest_modelbench.start.models import Candidate
from pytest_modelbench.start.seen import Seen

_INDENT = " " * 10


def render(seen: Seen, plan: Plan, hosts: Iterable[Host], *, dry: bool) -> str:
    """What was seen, each file with what becomes of it, what was written, and the command to run next."""
    lines = [*_seen(seen, plan, list(hosts))]
    for one in plan.files:
        lines += ["", f"== {printable(told_path(one.path, seen.folder))}: {one.fate.value}"]
        lines += [f"   below is what init would write: {one.merge}"] if one.merge else []
        lines += one.shown.splitlines()
    lines += ["", *_done(seen, plan, dry=dry)]
    return "\n".join(lines)


def _seen(seen: Seen, plan: Plan, hosts: list[Host]) -> list[str]:
    known = {one.reference: one for one in seen.models}
    lines = [*_named("models", [_model(known.get(name), name) for name in plan.models])]
    if plan.example:
        lines.append(
            f"{_INDENT}an example: no model was seen that needs no arguments; name yours, as in\n"
            f"{_INDENT}pytest-modelbench init my_package.models:make"
        )
    if seen.settings.models:
        lines += [
            f"{_INDENT}the settings list models as well, which are measured without a test: once it is",
            f"{_INDENT}there, take them out of {told_path(seen.settings.path, seen.folder)}, or each is measured twice",
        ]
    if plan.left_out:
        lines.append(f"{_INDENT}and {len(plan.left_out)} more, left out; name those that you want")
    if seen.unread:
        few = ", ".join(map(printable, seen.unread[:3])) + (", ..." if len(seen.unread) > 3 else "")
        lines.append(f"{_INDENT}not looked into, as it is no Python that this one reads: {few}")
    lines += _named("install", [seen.installation.command])
    lines += _named("python", [seen.installation.python])
    told = [f"{host.value} ({seen.hosting.hosts.get(host, 'as asked')})" for host in hosts]
    return [*lines, *_named("workflows", told or ["none: give --ci github, gitlab or both"])]


def _named(name: str, values: list[str]) -> list[str]:
    return [f"{name if not at else '':<10}{value}" for at, value in enumerate(values)]


def _model(known: Candidate | None, name: str) -> str:
    return f"{name} ({known.kind.value})" if known else name


def _done(seen: Seen, plan: Plan, *, dry: bool) -> list[str]:
    changed = [told_path(one.path, seen.folder) for one in plan.files if one.text is not None]
    left = [told_path(one.path, seen.folder) for one in plan.files if one.fate is Fate.LEFT]
    verb = "would write" if dry else "written"
    none = "nothing to write" if left else "nothing to write: it is all there"
    lines = [f"{verb}: {', '.join(map(printable, changed))}"] if changed else [none]
    lines += [f"left as they are: {', '.join(map(printable, left))}"] if left else []
    return [*lines, f"next: {plan.next}"]
