"""The program that Syne Tune starts for each trial."""

import argparse

from objective import loss
from syne_tune import Reporter

parser = argparse.ArgumentParser()
for name, kind in (("rate", float), ("depth", int), ("kind", str), ("epochs", int)):
    parser.add_argument(f"--{name}", type=kind)
told, _ = parser.parse_known_args()
report = Reporter()
for epoch in range(told.epochs):
    report(epoch=epoch + 1, val_loss=loss(told.rate, told.depth, told.kind, epoch), train_loss=0.5)
