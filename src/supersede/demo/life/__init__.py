"""The life of one model on census records: found, trained, reviewed, attacked, patched, reviewed."""

from supersede.demo.life.steps import Life, Step, live

__all__ = ["Life", "Step", "live"]
