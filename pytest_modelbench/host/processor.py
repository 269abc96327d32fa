"""Name and model of a processor, and whether it is a virtual one, from ``/proc/cpuinfo``."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Marks and boilerplate that vendors put around a name: "Intel(R) Xeon(R) CPU @ 2.20GHz", "AMD EPYC 7763 64-Core ...".
_DECORATION = re.compile(r"\((?:R|TM|C)\)|@.*|\bCPU\b|\b\d+-Core\b|\bProcessor\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Processor:
    """``model`` is short for what tells processors of one name apart: ``f26m2`` (x86), ``41-d0c`` (Arm), or empty."""

    name: str
    model: str = ""


def read_processor(cpuinfo: str, fallback: str) -> Processor:
    """The first processor that ``cpuinfo`` lists; ``fallback`` is its name if none is given there."""
    first = cpuinfo.strip().split("\n\n")[0]
    facts = dict(re.findall(r"^([^:\n]+?)[ \t]*:[ \t]*(.*)$", first, re.MULTILINE))
    name = " ".join(_DECORATION.sub(" ", facts.get("model name", "")).split()) or fallback or "unknown"
    if "cpu family" in facts and "model" in facts:
        return Processor(name, f"f{facts['cpu family']}m{facts['model']}")
    if "CPU implementer" in facts and "CPU part" in facts:
        implementer, part = (facts[key].removeprefix("0x") for key in ("CPU implementer", "CPU part"))
        return Processor(name, f"{implementer}-{part}")
    return Processor(name)


def model_name(cpuinfo: str) -> str | None:
    """The first processor's name as its vendor writes it; None if none is given."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else None


def is_virtual(cpuinfo: str) -> bool | None:
    """Whether a hypervisor is below; None if nothing is told."""
    return bool(re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE)) if cpuinfo else None
