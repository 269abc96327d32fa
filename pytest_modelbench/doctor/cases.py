"""What the trial measures: small models that load a machine in different ways."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The test file that workers run; its name keeps everybody's own pytest from collecting it.
PROBE = Path(__file__).with_name("probe.py")
#: Its pytest configuration. Named, because pytest would look above the package for one, and find any project's.
PROBE_INI = Path(__file__).with_name("probe.ini")
#: Enough to keep an accelerator busy; on the CPU one image, which is what latency is asked for there.
BATCH_ON_ACCELERATOR = 32


@dataclass(frozen=True, slots=True)
class ProbeCase:
    """A timm model, measured at ``image_size``."""

    model: str
    image_size: int

    @property
    def test(self) -> str:
        """Node id of its test in the probe."""
        return f"{PROBE.name}::test_latency[{self.model}]"


#: Dense convolutions, depthwise ones with and without squeeze and excitation, attention, and large kernels with layer
#: norm: each leans on other parts of a core, and its noise differs. Small, so that several processes fit into minutes.
CASES = (
    ProbeCase("resnet18", 160),
    ProbeCase("mobilenetv3_small_100", 224),
    ProbeCase("efficientnet_b0", 160),
    ProbeCase("vit_tiny_patch16_224", 224),
    ProbeCase("convnext_atto", 160),
)
