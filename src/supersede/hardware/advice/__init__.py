"""Edits that make a network faster on a target, each verified there."""
