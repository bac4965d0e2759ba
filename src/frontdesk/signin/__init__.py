"""What surrounds signing in: the maximum of sessions, re-authentication, new passwords, deleted users."""
