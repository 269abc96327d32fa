"""Devices by name, environments by their facts, and pinning. Accelerators are played by patches."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.packages import unpacked
from pytest_modelbench.host.processor import Processor, read_processor
from pytest_modelbench.measure import devices, environment
from pytest_modelbench.measure.devices import is_cpu, resolve_device
from pytest_modelbench.measure.environment import cpu_slug, detect, doubt, drift
from pytest_modelbench.measure.state import preserved_state
from pytest_modelbench.testing.nvml import FakeNvml, NVMLError

CPU = "cpu"
EPYC = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1

processor\t: 1
cpu family\t: 99
model\t\t: 99
model name\t: another
"""


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "accelerator_possible", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: None)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two CUDA devices, of which the second is current."""
    monkeypatch.setattr(devices, "accelerator_possible", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(torch.accelerator, "current_device_index", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    monkeypatch.setattr(environment, "_driver", lambda: "580.65.06")


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("text", ["auto", "cpu", " CPU ", "cpu:0"])
def test_without_accelerator_there_is_the_cpu(text: str) -> None:
    assert resolve_device(text) == CPU


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("text", "device"),
    [("auto", "cuda:1"), ("cuda", "cuda:1"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_with_accelerators_auto_is_the_current_one(text: str, device: str) -> None:
    assert resolve_device(text) == device


def test_without_a_trace_of_a_driver_auto_is_the_cpu_and_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    monkeypatch.setattr(devices, "accelerator_possible", lambda: False)
    assert (resolve_device("auto"), resolve_device("cpu")) == ("cpu", "cpu")
    monkeypatch.setattr(devices, "accelerator_possible", lambda: True)
    assert (is_cpu("auto"), is_cpu(" CPU"), is_cpu("cuda")) == (False, True, False)
    with pytest.raises(ImportError):
        resolve_device("auto")


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("cuda:2", "this machine has no such device."),
        ("mps", "this machine has no such device."),
        ("meta", "this machine has no such device."),
        ("cudda", "unknown device. Did you mean 'cuda' or 'cuda:1' or 'cuda:0'?"),
        ("", "unknown device."),
    ],
)
def test_absent_or_unknown_device_is_an_error_that_lists_what_is_here(
    text: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    with pytest.raises(UsageError) as error:
        resolve_device(text)
    assert str(error.value) == (
        f"--device={text}: {what} Here are: cpu, cuda:1, cuda:0. On the CPU it runs with --device=cpu"
    )


@pytest.mark.parametrize("fails", ["set", "used"])
def test_a_device_that_lets_nobody_in_is_told_with_who_looks(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def busy(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCompile with more")

    monkeypatch.setattr(torch.accelerator, "set_device_index", busy if fails == "set" else lambda index: None)
    monkeypatch.setattr(torch, "empty", busy)
    with pytest.raises(
        UsageError, match=r"cuda:1 cannot be used .*: CUDA error: .* unavailable\. .*doctor --device=cuda:1"
    ):
        devices.make_current("cuda:1")


def test_why_a_device_is_not_there_is_told_in_torchs_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: object, **__: object) -> None:
        raise RuntimeError("Found no NVIDIA driver on your system. Please check that you have one.\nAnd more.")

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(UsageError, match=r"no such device: Found no NVIDIA driver .* that you have one\. Here are: "):
        resolve_device("cuda:7")


@pytest.mark.parametrize(
    ("cpuinfo", "processor"),
    [
        (EPYC, Processor("AMD EPYC", "f26m2")),
        (
            "model name : Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz\ncpu family : 6\nmodel : 106\n",
            Processor("Intel Xeon Platinum 8370C", "f6m106"),
        ),
        (
            "model name : AMD EPYC 7763 64-Core Processor\ncpu family : 25\nmodel : 1\n",
            Processor("AMD EPYC 7763", "f25m1"),
        ),
        ("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c\n", Processor("aarch64", "41-d0c")),
        ("", Processor("aarch64")),
    ],
)
def test_processor_is_named_by_what_tells_it_apart(cpuinfo: str, processor: Processor) -> None:
    assert read_processor(cpuinfo, "aarch64") == processor


def test_processor_without_any_name_is_unknown() -> None:
    assert read_processor("", "") == Processor("unknown")


def test_slug_of_a_cpu_holds_model_cores_and_threads() -> None:
    assert cpu_slug(Processor("AMD EPYC", "f26m2"), cores=2, threads=1) == "cpu-amd-epyc-f26m2-2c-t1"
    assert cpu_slug(Processor("arm"), cores=8, threads=4) == "cpu-arm-8c-t4"


@pytest.fixture
def epyc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_cpuinfo", lambda: EPYC)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


@pytest.mark.usefixtures("epyc")
def test_environment_of_a_cpu() -> None:
    found = detect(CPU, threads=1, cores=2)
    assert (found.kind, found.slug) == ("cpu", "cpu-amd-epyc-f26m2-2c-t1")
    assert found.name == "AMD EPYC, 2 cores, 1 thread"
    assert found.identity == {
        "device": "cpu", "name": "AMD EPYC", "model": "f26m2", "instruction_set": "AVX512", "cores": 2, "threads": 1,
        "deterministic": False, "matmul_precision": "ieee",
    }  # fmt: skip
    assert not {"cuda", "cudnn", "driver"} & set(found.provenance)


def test_an_environment_told_without_torch_is_the_one_that_torch_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = detect(CPU, threads=1)
    assert doubt(asked) == ""
    with monkeypatch.context() as without:
        without.delitem(sys.modules, "torch")
        without.setattr(environment, "_asked_of_torch", lambda: pytest.fail("torch was asked"))
        told = detect(CPU, threads=1)
    assert told == asked
    assert list(told.identity) == list(asked.identity)


def test_where_only_torch_can_tell_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_cpuinfo", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(environment, "_asked_of_torch", lambda: {"instruction_set": "RVV", "deterministic": True})
    identity = detect(CPU, threads=1).identity
    assert (identity["instruction_set"], identity["deterministic"]) == ("RVV", True)


def test_what_torch_contradicts_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    told = detect(CPU, threads=1)
    here = torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OTHER")
    assert doubt(told) == (
        "the environment was told before torch was imported, and torch tells it otherwise: "
        f"instruction_set {here} -> OTHER. Import torch in conftest.py: then it is asked first"
    )


@pytest.mark.usefixtures("epyc")
def test_gpu_switches_do_not_part_records_of_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    before = detect(CPU, threads=1, cores=2)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    assert detect(CPU, threads=1, cores=2).identity == before.identity


@pytest.mark.slow
@pytest.mark.usefixtures("two_gpus")
def test_environment_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    found = detect("cuda:1", threads=1, cores=16)
    assert (found.kind, found.slug, found.name) == ("cuda-nvidia-h200", "cuda-nvidia-h200", "NVIDIA H200")
    assert found.identity == {
        "device": "cuda", "name": "NVIDIA H200", "deterministic": False,
        "tf32_matmul": False, "tf32_cudnn": True, "cudnn_benchmark": True, "cudnn_deterministic": False,
        "nvidia_tf32_override": "none", "cuda_launch_blocking": "1",
    }  # fmt: skip
    assert found.provenance["driver"] == "580.65.06"
    assert found.provenance["cuda"] == torch.version.cuda
    assert found.provenance["host_cpu"]


def test_provenance_has_versions_and_leaves_out_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "timm":
            raise metadata.PackageNotFoundError(package)
        return f"{package} 1.0"

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(platform, "release", lambda: "6.1")
    facts = detect(CPU, threads=1).provenance
    assert (facts["torch"], facts["numpy"], facts["omp_num_threads"], facts["kernel"]) == (
        "torch 1.0", "numpy 1.0", "3", "6.1",
    )  # fmt: skip
    assert "timm" not in facts
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert "omp_num_threads" not in detect(CPU, threads=1).provenance


def test_installed_packages_are_known_by_their_folders_whatever_their_names_look_like(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def packages(*folders: str) -> str:
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        for folder in folders:
            (place / folder).mkdir(parents=True)
        monkeypatch.setattr(sys, "path", [str(place), str(place), "/no/such/place", "stdlib.zip"])
        return environment._installed()

    two = packages("timm-1.0.31.dist-info", "ruamel_yaml-0.18.dist-info", "timm", "ours.egg-info")
    assert two.startswith("2 (")
    assert packages("Timm-1.0.31.egg-info", "ruamel.yaml-0.18.dist-info") == two
    assert packages("timm-1.0.30.dist-info", "ruamel_yaml-0.18.dist-info").startswith("2 (")
    assert packages("timm-1.0.30.dist-info", "ruamel_yaml-0.18.dist-info") != two
    assert unpacked(two) == {"ruamel-yaml": "0.18", "timm": "1.0.31"}


@pytest.mark.parametrize(
    ("direct_url", "told"),
    [
        ('{"url": "file:///home/somebody/net", "dir_info": {"editable": true}}', "1.0 (editable)"),
        ('{"url": "file:///home/somebody/net", "dir_info": {}}', "1.0"),
        ('{"url": "https://token@example.org/net", "vcs_info": {"vcs": "git", "commit_id": "1a2b3c4d5e6f70"}}',
         "1.0 (git 1a2b3c4d5e)"),
        ('{"url": "https://example.org/net.whl", "archive_info": {"hash": "sha256=abc"}}', "1.0"),
        ('{"vcs_info": {"vcs": "git"}}', "1.0"),
        ('{"vcs_info": "git", "dir_info": {}}', "1.0"),
        ('["no", "mapping"]', "1.0"),
        ("no JSON", "1.0"),
    ],
)  # fmt: skip
def test_where_a_package_was_installed_from_is_told_without_paths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, direct_url: str, told: str
) -> None:
    folder = tmp_path / "net-1.0.dist-info"
    folder.mkdir()
    (folder / "direct_url.json").write_text(direct_url)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert unpacked(environment._installed()) == {"net": told}


def test_a_package_from_a_folder_is_known_by_its_files_wherever_that_folder_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def told(url: str, net: str) -> str:
        folder = tmp_path / "net-1.0.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))
        script = f"../../../bin/net,sha256={len(url)},1"
        (folder / "RECORD").write_text(f"net.py,sha256={net},9\nnet-1.0.dist-info/METADATA,sha256={url},8\n{script}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        return (unpacked(environment._installed()) or {})["net"]

    first = told("file:///home/somebody/net", "abc")
    assert first.startswith("1.0 (files ")
    assert told("file:///home/runner/work/net", "abc") == first
    assert told("file:///home/somebody/net", "abd") != first


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="outside a virtual environment others install packages")
def test_as_many_packages_are_found_as_their_metadata_names() -> None:
    named = {(environment.slugify(found.name), found.version) for found in metadata.distributions() if found.name}
    assert environment._installed().partition(" ")[0] == str(len(named))


def test_what_changes_while_it_is_measured_is_named() -> None:
    threads = torch.get_num_threads()
    told = detect(CPU, threads=threads)
    assert drift(told) == ""
    with preserved_state():
        torch.set_num_threads(threads + 1)
        torch.use_deterministic_algorithms(True)
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        assert drift(told) == (
            f"threads {threads} -> {threads + 1}, deterministic False -> True, matmul_precision ieee -> bf16"
        )
    assert drift(told) == ""


def test_environment_tells_neither_host_name_nor_paths() -> None:
    found = detect(CPU, threads=1)
    facts = {**found.provenance, "packages": dict(unpacked(str(found.provenance["packages"])) or {})}
    text = json.dumps([found.name, found.slug, dict(found.identity), facts])
    assert socket.gethostname() not in text
    assert os.path.expanduser("~") not in text
    assert sys.prefix not in text


@pytest.mark.parametrize(
    ("nvml", "driver"), [(FakeNvml(), "580.65.06"), (FakeNvml(fails=NVMLError()), None), (None, None)]
)
def test_driver_is_asked_of_nvml_if_there_is_one(
    nvml: FakeNvml | None, driver: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert environment._driver() == driver
    assert nvml is None or nvml.open == 0
