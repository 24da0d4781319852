"""Bounties: outsiders show for whom a model fails, and patch it, without code if they like."""
