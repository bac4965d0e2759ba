"""API tokens: what :mod:`frontdesk.api_tokens` and ``@scope_required`` are made of."""
