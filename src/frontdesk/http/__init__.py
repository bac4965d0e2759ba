"""How a request meets its session."""
