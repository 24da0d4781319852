"""Latency without the hardware, learnt from networks that were measured."""
