"""What torch makes of a GPU: whether its wheel has code for it, why it does not see it, what memory others hold."""

import json
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_modelbench.doctor import sight as doctor_sight
from pytest_modelbench.doctor.findings import Severity
from pytest_modelbench.doctor.gpu_findings import sight_findings
from pytest_modelbench.doctor.sight import Sight, sight_of
from pytest_modelbench.measure.gpu_sight import gpu_sight

GIB = 2**30
WHEEL = ("sm_75", "sm_80", "sm_90", "sm_100", "sm_120", "compute_120")
H100 = Sight("2.15.0", "CUDA 13.2", "", "NVIDIA H100", "sm_90", WHEEL, 78 * GIB, 79 * GIB)


@pytest.mark.parametrize(
    ("architecture", "kernels", "supported", "translated"),
    [
        ("sm_90", WHEEL, True, False),
        ("sm_86", WHEEL, True, False),  # code for 8.0 runs on 8.6,
        ("sm_80", ("sm_86",), False, False),  # and not the other way round,
        ("sm_70", WHEEL, False, False),  # nor on another generation
        ("sm_120", WHEEL, True, False),
        ("sm_121", ("sm_120",), True, False),
        ("sm_130", WHEEL, True, True),
        ("sm_130", ("sm_120",), False, False),
        ("sm_90", ("sm_90a",), True, False),
        ("sm_91", ("sm_90a",), False, False),
        ("sm_103", ("sm_100f",), True, False),
        ("sm_130", ("compute_90a",), False, False),
        ("gfx90a", ("gfx90a", "gfx942"), True, False),
        ("gfx1100", ("gfx90a",), False, False),
    ],
)
def test_which_code_runs_on_which_gpu(architecture, kernels, supported, translated):
    found = Sight(architecture=architecture, kernels=kernels)
    assert (found.supported, found.translated) == (supported, translated)


@pytest.mark.parametrize(
    ("sight", "told"),
    [
        (
            H100,
            [
                ("gpu-torch", Severity.FINE, "torch 2.15.0, built for CUDA 13.2, has code for NVIDIA H100 (sm_90)"),
                ("gpu-memory", Severity.FINE, "78.0 of 79.0 GiB GPU memory free"),
            ],
        ),
        (
            replace(H100, name="Tesla V100", architecture="sm_70", free_bytes=8 * GIB, total_bytes=16 * GIB),
            [
                (
                    "gpu-torch",
                    Severity.PROBLEM,
                    "torch 2.15.0, built for CUDA 13.2, has no code for Tesla V100 (sm_70)",
                ),
                ("gpu-memory", Severity.ADVICE, "8.0 of 16.0 GiB GPU memory free"),
            ],
        ),
        (
            replace(H100, name="NVIDIA R100", architecture="sm_130", free_bytes=None),
            [
                (
                    "gpu-torch",
                    Severity.ADVICE,
                    "torch 2.15.0, built for CUDA 13.2, has no code for NVIDIA R100 (sm_130) but PTX",
                )
            ],
        ),
        (
            Sight("2.15.0", "CUDA 13.2", "Found no NVIDIA driver on your system"),
            [("gpu-torch", Severity.PROBLEM, "torch 2.15.0 cannot use the GPU")],
        ),
    ],
)
def test_each_thing_that_torch_makes_of_a_gpu(sight, told):
    assert [(one.id, one.severity, one.what) for one in sight_findings(sight)] == told


def test_a_torch_without_gpus_is_told_with_the_way_out():
    (found,) = sight_findings(Sight("2.15.0+cpu", "", "Torch not compiled with CUDA enabled"))
    assert "It says: Torch not compiled with CUDA enabled. It is built for the CPU alone." in found.why
    assert found.mend == "pip install --force-reinstall torch"


def answering(monkeypatch, said):
    """Has the process that asks torch say this, or raise it; the devices that were asked about."""
    asked = []

    def run(command, **_):
        asked.append(json.loads(command[-1])["device"])
        if isinstance(said, Exception):
            raise said
        return SimpleNamespace(stdout=said, stderr="", returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


@pytest.fixture
def driver(tmp_path):
    """A /proc with NVIDIA's driver in it."""
    folder = tmp_path / "driver" / "nvidia"
    folder.mkdir(parents=True)
    (folder / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23\n")
    return tmp_path


@pytest.mark.parametrize(
    ("device", "there", "asked"),
    [
        ("cuda:1", False, "cuda:1"),
        ("auto", True, "cuda"),
        ("auto", False, None),
        ("cpu", True, None),
        ("mps", True, None),
    ],
)
def test_torch_is_asked_where_a_gpu_is_meant(monkeypatch, driver, tmp_path_factory, device, there, asked):
    calls = answering(monkeypatch, 'A warning.\n{"torch": "2.15.0", "built_for": "", "why_unseen": "no"}\n')
    found = sight_of(device, driver if there else tmp_path_factory.mktemp("proc"))
    assert calls == ([asked] if asked else [])
    assert found == (Sight("2.15.0", "", "no") if asked else None)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", None),
        ("Traceback", None),
        (OSError("no memory"), None),
        (subprocess.TimeoutExpired("python", 120), Sight(why_unseen="it does not answer within 120 s")),
    ],
)
def test_a_process_that_does_not_tell_is_none(monkeypatch, said, found):
    answering(monkeypatch, said)
    assert sight_of("cuda") == found


@pytest.mark.slow
def test_a_torch_that_sees_no_gpu_says_why(monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    told = gpu_sight("cuda:0")
    assert told["torch"] == torch.__version__
    assert told["why_unseen"]
    assert sight_of("cuda:0") == Sight(**told)  # through the process that is really started


def test_a_gpu_that_torch_sees_is_described(monkeypatch):
    torch = pytest.importorskip("torch")
    properties = SimpleNamespace(name="NVIDIA H100", major=9, minor=0, gcnArchName="")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (78 * GIB, 79 * GIB))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(WHEEL))
    told = gpu_sight("cuda:0")
    assert Sight(**{**told, "torch": "2.15.0", "kernels": tuple(told["kernels"])}) == H100
    assert set(told) | {"why_unseen"} == set(doctor_sight.Sight.__slots__)
