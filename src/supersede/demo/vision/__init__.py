"""A small network on a device that searches what a large one has indexed: from the search to the file."""

from supersede.demo.vision.steps import Vision, deploy

__all__ = ["Vision", "deploy"]
