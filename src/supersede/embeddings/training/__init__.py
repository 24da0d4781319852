"""Losses that keep a new embedding compatible with an old one."""
