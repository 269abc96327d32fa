"""A detector as torchvision's are: lists of boxes in evaluation, a mapping of losses with targets in training."""

from torch import nn

MOST_BOXES = 5


class Detector(nn.Module):
    """The ``MOST_BOXES`` best boxes of each image; as many for every image, so that they can be followed."""

    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.ReLU())
        self.boxes, self.scores = nn.Conv2d(width, 4, 1), nn.Conv2d(width, 1, 1)

    def forward(self, images):
        found = self.body(images)
        boxes, scores = self.boxes(found).flatten(2), self.scores(found).flatten(1)
        best = scores.topk(MOST_BOXES).indices
        return [{"boxes": boxes[one][:, best[one]].T, "scores": scores[one][best[one]]} for one in range(len(images))]


def test_detector(build_model, modelbench):
    model = build_model(Detector, image_size=32, batch_size=2)
    modelbench.peak_memory(model)
    modelbench.numerics(model)
