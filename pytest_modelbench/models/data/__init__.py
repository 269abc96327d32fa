"""Sample data with answers: generated scenes, digits, CIFAR, COCO files, folders of label maps."""
