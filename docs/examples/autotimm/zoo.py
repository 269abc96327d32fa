"""AutoTimm's models as a benchmark wants them: no weights fetched, nothing compiled, no global switch set."""

from autotimm import BackboneConfig, FeatureBackboneConfig, ImageClassifier, ObjectDetector, SemanticSegmentor

# With a seed AutoTimm switches deterministic algorithms on for the whole process, and by default it compiles.
PLAIN = {"seed": None, "deterministic": False, "compile_model": False}


def classifier(backbone, num_classes=1000):
    return ImageClassifier(BackboneConfig(backbone, pretrained=False), num_classes, **PLAIN)


def detector(backbone, num_classes=80):
    maps = FeatureBackboneConfig(backbone, pretrained=False, out_indices=(2, 3, 4))
    return ObjectDetector(maps, num_classes, metrics=[], **PLAIN)


def segmentor(backbone, num_classes=19):
    return SemanticSegmentor(FeatureBackboneConfig(backbone, pretrained=False), num_classes, **PLAIN)
