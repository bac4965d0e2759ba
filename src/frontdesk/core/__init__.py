"""Pure rules: what a session is, and what may become of it. Nothing here imports Django."""
