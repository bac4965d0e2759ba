"""A small site that shows what frontdesk does: a lobby with a desk, a notebook and doors."""
