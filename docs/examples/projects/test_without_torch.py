"""A session of another runtime, as onnxruntime's: a callable, and figures of one's own; torch is not imported."""

NODES = ["Conv", "Relu", "Conv", "Relu", "Gemm"]


def test_graph(modelbench):
    modelbench.record("nodes", len(NODES), better="lower")
    modelbench.record("convolutions", NODES.count("Conv"), better="equal")
