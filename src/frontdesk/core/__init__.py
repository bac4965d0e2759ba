"""Pure rules: what a session is, and what may become of it. Imports nothing but the standard library."""
