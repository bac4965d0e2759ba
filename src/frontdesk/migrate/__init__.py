"""Moving in from Django's session engines, and moving back out to them."""
