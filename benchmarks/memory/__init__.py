"""How much memory a signed-in session takes in Redis: here, and with Django's cache engine."""
