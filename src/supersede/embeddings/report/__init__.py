"""The compatibility report: numbers, lost searches, and what else stands on the old space."""
