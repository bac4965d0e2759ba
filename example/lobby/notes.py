"""A notebook that lives in the session: plain keys and values, as in any Django project."""

from typing import TypedDict

from django import forms
from django.contrib.sessions.backends.base import SessionBase
from django.utils.translation import gettext_lazy as _

# A session is for little things; a notebook without an end would make it a database.
MOST = 12


class Note(TypedDict):
    id: int
    text: str


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("A line for your notebook"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def count_visit(session: SessionBase) -> int:
    """Count one more visit of this browser and return how many there were."""
    visits: int = session.get("visits", 0) + 1
    session["visits"] = visits
    return visits


def notes_of(session: SessionBase) -> list[Note]:
    notes: list[Note] = session.get("notes", [])
    return notes


def add(session: SessionBase, text: str) -> None:
    """Append a line; the oldest one makes room when the notebook is full."""
    notes = notes_of(session)
    note: Note = {"id": max((note["id"] for note in notes), default=0) + 1, "text": text}
    session["notes"] = [*notes, note][-MOST:]


def remove(session: SessionBase, note_id: str) -> None:
    """Tear out one line; one that is gone already is no error."""
    session["notes"] = [note for note in notes_of(session) if str(note["id"]) != note_id]
