"""Which instruction set PyTorch uses on a processor, told without PyTorch."""

from __future__ import annotations

import re

#: What ATen calls a processor on which it uses no instructions beyond those that every one of its kind has.
DEFAULT = "DEFAULT"
_X86 = ("x86_64", "AMD64")
_ARM = ("aarch64", "arm64")
#: Values of the variable ATEN_CPU_CAPABILITY that a kind of processor knows. Others are passed over.
_ASKED = {
    **{machine: {"avx512": "AVX512", "avx2": "AVX2"} for machine in _X86},
    "s390x": {"zvector": "Z VECTOR"},
    "ppc64le": {"vsx": "VSX"},
}
_AVX512 = {"avx512vl", "avx512bw", "avx512dq", "fma"}
_AVX2 = {"avx2", "fma"}


def instruction_set(cpuinfo: str, machine: str, asked: str | None) -> str | None:
    """What ``torch.backends.cpu.get_cpu_capability()`` says, or None where only torch itself can tell.

    The rule is that of ``compute_cpu_capability`` in ATen's DispatchStub.cpp. ``machine``: as of `platform.machine`.
    ``asked``: the variable ATEN_CPU_CAPABILITY, which is obeyed unseen, also on a processor that lacks what it names.

    Arm with SVE is not told: which lengths of vectors are used has changed from release to release.
    """
    if asked == "default":
        return DEFAULT
    if asked is not None and (told := _ASKED.get(machine, {}).get(asked)):
        return told
    if machine == "ppc64le":
        return "VSX"  # what the build has, whatever the processor
    listed = re.search(r"^(?:flags|features)[ \t]*:[ \t]*(.*)$", cpuinfo, re.MULTILINE | re.IGNORECASE)
    if listed is None:
        return None
    features = set(listed[1].split())
    if machine in _X86:
        return "AVX512" if features >= _AVX512 else "AVX2" if features >= _AVX2 else DEFAULT
    if machine in _ARM:
        return None if "sve" in features else DEFAULT
    if machine == "s390x":
        return "Z VECTOR" if "vxe" in features else DEFAULT
    return None
