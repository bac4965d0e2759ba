"""What to type into a terminal to use the demo without a browser."""

from string import Template

from .accounts import ACCOUNTS

# The second and the third command use what the first has got.
COMMANDS = Template(
    """\
  KEY=$$(curl -s ${address}api/auth/session -H 'Content-Type: application/json' \\
    -d '{"username": "$name", "password": "$password", "carrier": "header"}' \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')
  curl -sw '\\n' ${address}api/auth/sessions -H "Authorization: Bearer $$KEY"
  curl -sw '\\n' ${address}api/badges/ -H "Authorization: Bearer $$(curl -s ${address}api/auth/tokens \\
    -H "Authorization: Bearer $$KEY" -H 'Content-Type: application/json' \\
    -d '{"name": "terminal", "scopes": ["badges:read"]}' \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')"
"""
)


def commands(address: str) -> str:
    """Return three commands for a shell: sign in, list the sessions, make an API token and use it."""
    guest = ACCOUNTS[0]
    return COMMANDS.substitute(address=address, name=guest.name, password=guest.password)
