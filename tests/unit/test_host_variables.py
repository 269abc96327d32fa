"""Environment variables that choose how something is computed."""

import pytest

from pytest_modelbench.host.variables import choosing_variables


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, ""),
        ({"HOME": "/root", "TOKEN": "secret", "OMPI_RANK": "1"}, ""),
        ({"OMP_PROC_BIND": "true", "MKL_CBWR": "AVX2"}, "MKL_CBWR=AVX2 OMP_PROC_BIND=true"),
        ({"TORCH_HOME": "/data", "TORCHINDUCTOR_CACHE_DIR": "/tmp/x", "ONEDNN_VERBOSE": "1", "CUDA_VERSION": "13"}, ""),
        ({"LD_PRELOAD": "/usr/lib/libjemalloc.so"}, "LD_PRELOAD=(b46c3f00)"),
        ({"KMP_AFFINITY": "granularity=fine compact"}, "KMP_AFFINITY=(f8a89db4)"),
        ({"MALLOC_CONF": "x" * 41}, "MALLOC_CONF=(3164596d)"),
    ],
)
def test_what_chooses_kernels_threads_and_memory_is_told_and_nothing_else(environment, told):
    assert choosing_variables(environment) == told
