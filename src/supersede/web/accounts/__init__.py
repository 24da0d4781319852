"""People: signing in, invitations, roles, teams, tokens."""
