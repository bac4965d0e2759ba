"""Mails to users, from pairs of templates."""

from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string


def send(name: str, address: str, context: Mapping[str, Any]) -> None:
    """Send the mail of ``frontdesk/<name>_subject.txt`` and ``frontdesk/<name>_email.txt`` as plain text."""
    subject, body = (
        render_to_string(f"frontdesk/{name}_{part}.txt", dict(context))
        for part in ("subject", "email")
    )
    EmailMessage("".join(subject.splitlines()), body, None, [address]).send()
