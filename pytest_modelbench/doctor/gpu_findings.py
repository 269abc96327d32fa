"""What is said of a GPU. None where it does not tell."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modelbench.doctor.findings import Finding, Severity, fine
from pytest_modelbench.doctor.gpu import Gpu
from pytest_modelbench.doctor.sight import Sight
from pytest_modelbench.host.clock_reasons import APPLICATIONS_CLOCKS, SYNC_BOOST, disturbances, is_idle

#: Above, boards with usual limits (83-90 °C) are about to slow down, and have nothing to do yet.
MOST_IDLE_TEMPERATURE_C = 75
#: Of its memory: what others hold beyond that, and beyond what asking takes, is missing to a large model.
_MOST_TAKEN, _OF_ASKING = 0.1, 0.6 * 2**30
#: nvmlComputeMode_t.
_FOR_ANYBODY, _PROHIBITED = 0, 2
#: An idle GPU lowers its clock to a fifth and less, unless it is locked.
_HELD_UP = 0.5
#: Of the highest clock: low enough that neither power nor temperature ask for less. Boards step by 15 MHz.
_LOCK_SHARE, _STEP_HZ = 0.75, 15_000_000


def gpu_findings(gpu: Gpu) -> list[Finding]:
    """Everything there is to say, in no order."""
    return [finding for check in CHECKS if (finding := check(gpu))]


def unwatched(why: str) -> Finding:
    """That nothing can be said."""
    return Finding(
        "gpu-nvml",
        Severity.PROBLEM,
        "nothing is known of the GPU",
        f"{why}. A GPU that is hot, or shared with others, would go unnoticed.",
        "pip install 'pytest-modelbench[cuda]'" if "not installed" in why else "nvidia-smi",
    )


def sight_findings(sight: Sight) -> list[Finding]:
    """What torch makes of the GPU: whether it sees it, has code for it, and finds its memory free."""
    if sight.why_unseen:
        return [_unseen(sight)]
    return [_kernels(sight), *([_memory(sight)] if sight.free_bytes and sight.total_bytes else [])]


def _unseen(sight: Sight) -> Finding:
    of_cpu = bool(sight.torch) and not sight.built_for
    torch = f"torch {sight.torch}".rstrip()
    return Finding(
        "gpu-torch",
        Severity.PROBLEM,
        f"{torch} cannot use the GPU",
        f"It says: {sight.why_unseen}. It is built for {sight.built_for or 'the CPU alone'}. --device=cuda ends with "
        "an error, and --device=auto measures the CPU.",
        "pip install --force-reinstall torch" if of_cpu else "nvidia-smi",
    )


def _kernels(sight: Sight) -> Finding:
    what = f"torch {sight.torch}, built for {sight.built_for}"
    if not sight.supported:
        return Finding(
            "gpu-torch",
            Severity.PROBLEM,
            f"{what}, has no code for {sight.name} ({sight.architecture})",
            f"It has code for {', '.join(sight.kernels)}. Install a torch whose wheel has it: wheels for an older CUDA "
            "have older GPUs, newer ones have newer GPUs.",
        )
    if sight.translated:
        return Finding(
            "gpu-torch",
            Severity.ADVICE,
            f"{what}, has no code for {sight.name} ({sight.architecture}) but PTX",
            "The driver translates it when it is first used, for minutes, and it may be slower than code made for this "
            "GPU. A newer torch may have it.",
        )
    return fine("gpu-torch", f"{what}, has code for {sight.name} ({sight.architecture})")


def _memory(sight: Sight) -> Finding:
    free, total = sight.free_bytes or 0, sight.total_bytes or 1
    what = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB GPU memory free"
    if total - free <= _MOST_TAKEN * total + _OF_ASKING:
        return fine("gpu-memory", what)
    return Finding(
        "gpu-memory",
        Severity.ADVICE,
        what,
        "Others hold most of the rest. What does not fit fails, and the two models of a duet may have to be measured "
        "one after the other.",
        "nvidia-smi",
    )


def persistence(gpu: Gpu) -> Finding | None:
    """Whether the driver stays loaded."""
    if gpu.persistence is None:
        return None
    if gpu.persistence:
        return fine("gpu-persistence", "GPU persistence mode on")
    return Finding(
        "gpu-persistence",
        Severity.ADVICE,
        "the GPU's persistence mode is off",
        "Between processes the driver unloads: every start waits for it, and settings such as locked clocks are lost.",
        f"sudo nvidia-smi -i {gpu.index} -pm 1",
    )


def clocks(gpu: Gpu) -> Finding | None:
    """Whether clocks seem locked, which NVML does not tell outright."""
    if gpu.sm_clock_hz is None or gpu.max_sm_clock_hz is None or gpu.reasons is None:
        return None
    held_up = is_idle(gpu.reasons) and gpu.sm_clock_hz >= _HELD_UP * gpu.max_sm_clock_hz
    if gpu.reasons & APPLICATIONS_CLOCKS or held_up:
        return fine("gpu-clocks", f"GPU clocks held at {gpu.sm_clock_hz / 1e6:.0f} MHz")
    lock = int(_LOCK_SHARE * gpu.max_sm_clock_hz // _STEP_HZ * _STEP_HZ / 1e6)
    return Finding(
        "gpu-clocks",
        Severity.ADVICE,
        f"the GPU's clocks do not seem locked (SM now {gpu.sm_clock_hz / 1e6:.0f} MHz, at most "
        f"{gpu.max_sm_clock_hz / 1e6:.0f})",
        "How far it boosts depends on temperature and power, and so on what ran before.",
        f"sudo nvidia-smi -i {gpu.index} -lgc {lock},{lock}",
    )


def strangers(gpu: Gpu) -> Finding | None:
    """Whether others compute on it."""
    # Of a divided device, processes in the other parts are listed as well.
    if gpu.foreign is None or gpu.mig:
        return None
    if not gpu.foreign:
        return fine("gpu-processes", "no other process on the GPU")
    pids = ", ".join(map(str, gpu.foreign))
    return Finding(
        "gpu-processes",
        Severity.PROBLEM,
        f"other processes use the GPU: pid {pids}",
        "Kernels of different processes take turns. End them, or choose another GPU by CUDA_VISIBLE_DEVICES.",
    )


def throttling(gpu: Gpu) -> Finding | None:
    """Whether it is too hot, short of power, or held down by another, before anything was asked of it."""
    causes = disturbances(gpu.reasons or 0)
    hot = gpu.temperature_c is not None and gpu.temperature_c > MOST_IDLE_TEMPERATURE_C
    if gpu.reasons is None and gpu.temperature_c is None:
        return None
    at = "" if gpu.temperature_c is None else f" at {gpu.temperature_c} °C"
    if not causes and not hot:
        return fine("gpu-throttle", f"GPU not throttled{at}")
    return Finding(
        "gpu-throttle",
        Severity.PROBLEM,
        f"the GPU is held down{at}: {', '.join(causes)}" if causes else f"the GPU is hot{at}",
        "It slows down to save itself. Let it cool; look at fans, power supply and neighbours."
        + (" In sync boost, look at the other GPUs of its group." if (gpu.reasons or 0) & SYNC_BOOST else ""),
    )


def ecc(gpu: Gpu) -> Finding | None:
    """Whether memory is checked: no fault either way, but another speed where it costs bandwidth (GDDR)."""
    return None if gpu.ecc is None else fine("gpu-ecc", f"GPU ECC {'on' if gpu.ecc else 'off'}")


def mig(gpu: Gpu) -> Finding | None:
    """Whether it is shared."""
    if gpu.mig is None:
        return None
    if not gpu.mig:
        return fine("gpu-mig", "GPU not divided")
    return Finding(
        "gpu-mig",
        Severity.ADVICE,
        "the GPU is divided (MIG)",
        "The other parts share its clocks, power and temperature; what they do shows in the times of this one.",
    )


def compute_mode(gpu: Gpu) -> Finding | None:
    """Whether two processes may compute on it at once, as those of a duet do."""
    if gpu.compute_mode is None:
        return None
    if gpu.compute_mode == _FOR_ANYBODY:
        return fine("gpu-compute-mode", "GPU open to several processes")
    what = "to one process at a time" if gpu.compute_mode != _PROHIBITED else "to none at all"
    return Finding(
        "gpu-compute-mode",
        Severity.PROBLEM,
        f"the GPU is open {what} (its compute mode)",
        "A duet, which decides what the stored baseline does not clear, takes two.",
        f"sudo nvidia-smi -i {gpu.index} -c DEFAULT",
    )


CHECKS: tuple[Callable[[Gpu], Finding | None], ...] = (
    strangers, throttling, compute_mode, persistence, clocks, mig, ecc,
)  # fmt: skip
