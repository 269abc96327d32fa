"""Volumes of one channel, as monai's networks take them."""

from torch import nn

SPATIAL_SIZE = 16


def network():
    return nn.Sequential(nn.Conv3d(1, 8, 3), nn.InstanceNorm3d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))


def test_volumes(build_model, modelbench):
    model = build_model(network, inputs=(1, SPATIAL_SIZE, SPATIAL_SIZE, SPATIAL_SIZE), batch_size=2, name="volumes")
    modelbench.peak_memory(model)
    modelbench.cost(model)
    modelbench.numerics(model)
