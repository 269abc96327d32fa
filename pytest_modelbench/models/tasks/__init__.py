"""Tasks beside classification: detectors and segmentation models over timm backbones."""
