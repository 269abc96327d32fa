"""Environment variables that choose how something is computed: its kernels, threads and memory."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pytest_modelbench.core.shown import shown

#: How the names begin that libraries under torch, their threads and their allocators look at.
_PREFIXES = (
    "ATEN_", "BLIS_", "CUBLAS", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "HIP_", "HSA_", "KMP_", "MALLOC_", "MIOPEN_",
    "MKL_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTORCH_", "ROCBLAS_", "TIMM_", "TORCH_", "TORCHAO_",
    "TORCHDYNAMO_", "TORCHINDUCTOR_", "TORCHVISION_", "TRITON_", "XFORMERS_", "XLA_",
)  # fmt: skip
_NAMES = frozenset(
    {
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTEST_PLUGINS",
        "PYTHONDEVMODE",
        "PYTHONMALLOC",
        "PYTHONOPTIMIZE",
    }
)
#: Where things are kept and what is told of them: another folder changes no time.
_OF_NO_MATTER = ("_HOME", "_CACHE", "_CACHE_DIR", "_LOGS", "_VERBOSE", "_VERSION")


def choosing_variables(environment: Mapping[str, str] = os.environ) -> str:
    """``MKL_CBWR=AVX2 OMP_PROC_BIND=true``: those that are set, sorted; empty if none is."""
    found = {
        name: value
        for name, value in environment.items()
        if (name in _NAMES or name.startswith(_PREFIXES)) and not name.endswith(_OF_NO_MATTER)
    }
    return " ".join(f"{name}={shown(name, value)}" for name, value in sorted(found.items()))
