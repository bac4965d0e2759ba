"""Sign-in for other frameworks: each module needs a package that frontdesk does not need."""
