"""The instruction set that torch uses, told without it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modelbench.host.instructions import instruction_set

AVX512 = "avx512f avx512dq fma avx avx2 avx512bw avx512vl"
AVX2 = "fma avx avx2 avx512f"


def x86(flags: str) -> str:
    return f"processor\t: 0\nmodel name\t: one\nflags\t\t: fpu {flags} sse2\nbugs\t\t: avx512vl\n\nprocessor\t: 1\n"


def arm(features: str) -> str:
    return f"processor\t: 0\nFeatures\t: fp asimd {features}\nCPU implementer\t: 0x41\n"


def s390(features: str) -> str:
    return f"vendor_id       : IBM/S390\n# processors    : 2\nfeatures\t: esan3 zarch vx {features}\ncache0 : level=1\n"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "asked", "told"),
    [
        ("x86_64", x86(AVX512), None, "AVX512"),
        ("x86_64", x86(AVX512.replace("avx512dq ", "")), None, "AVX2"),
        ("x86_64", x86(AVX512.replace("fma ", "")), None, "DEFAULT"),
        ("x86_64", x86(AVX2), None, "AVX2"),
        ("x86_64", x86("fma avx"), None, "DEFAULT"),
        ("x86_64", x86(AVX512), "avx2", "AVX2"),
        ("x86_64", x86(AVX512), "default", "DEFAULT"),
        ("x86_64", x86("avx"), "avx512", "AVX512"),  # obeyed unseen
        ("x86_64", x86(AVX512), "AVX2", "AVX512"),  # not a name that torch knows
        ("x86_64", x86(AVX2), "zvector", "AVX2"),
        ("x86_64", "processor : 0\n", None, None),
        ("aarch64", arm("bf16"), None, "DEFAULT"),
        ("aarch64", arm("bf16"), "sve256", "DEFAULT"),
        ("aarch64", arm("sve bf16"), None, None),
        ("aarch64", arm("sve bf16"), "default", "DEFAULT"),
        ("arm64", "", None, None),
        ("s390x", s390("vxe"), None, "Z VECTOR"),
        ("s390x", s390(""), None, "DEFAULT"),
        ("s390x", s390(""), "zvector", "Z VECTOR"),
        ("ppc64le", "processor : 0\ncpu : POWER9\n", None, "VSX"),
        ("ppc64le", "", "default", "DEFAULT"),
        ("riscv64", "flags : avx2 fma\n", None, None),
    ],
)
def test_it_is_told_as_aten_chooses(machine: str, cpuinfo: str, asked: str | None, told: str | None) -> None:
    assert instruction_set(cpuinfo, machine, asked) == told


ASK = "import torch; print(torch.backends.cpu.get_cpu_capability())"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs /proc/cpuinfo")
@pytest.mark.parametrize(
    "asked", [None, "avx2", *(pytest.param(one, marks=pytest.mark.long) for one in ("default", "avx512", "AVX2"))]
)
def test_torch_says_the_same_of_this_machine(asked: str | None) -> None:
    told = instruction_set(Path("/proc/cpuinfo").read_text(), platform.machine(), asked)
    if told is None:
        pytest.skip("only torch can tell here")
    environment = {name: value for name, value in os.environ.items() if name != "ATEN_CPU_CAPABILITY"}
    environment |= {"ATEN_CPU_CAPABILITY": asked} if asked else {}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told
