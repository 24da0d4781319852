"""Bias bounties: strangers show where a model can be beaten, and the model gets better by it."""
