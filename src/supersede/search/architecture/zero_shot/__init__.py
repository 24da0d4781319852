"""Scores of untrained networks; torch is imported when they are computed."""
