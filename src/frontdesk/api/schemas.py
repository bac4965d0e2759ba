"""What the answers look like, as JSON Schema: the counterpart of ``answers.py``."""

from typing import Any, Final

from frontdesk.models import What

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}


def _object(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _about(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


FROM: Final = {
    "ip": _about("The address; empty if unknown.", TEXT),
    "place": _about("The approximate place of the address; empty if unknown.", TEXT),
    "user_agent": _about("As the client sent it, which it chooses freely.", TEXT),
    "device": _about("The browser or program and its system, in words.", TEXT),
}

METHODS: Final = _about('How the user signed in, such as "password" and "otp".', _list(TEXT))

TOKEN: Final = {
    "id": _about("The public id.", TEXT),
    "name": TEXT,
    "scopes": _about("What it allows.", _list(TEXT)),
    "created": TIME,
    "expires": TIME,
    "last_used": _or_null(TIME),
    **FROM,
}

WHO: Final = {
    "user": _or_null(_ref("User")),
    "session": _or_null(_ref("Session")),
    "csrf": _about(
        "The token for the header X-CSRFToken of the next requests; null for a program.",
        _or_null(TEXT),
    ),
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Who": _object(**WHO),
    "SignedIn": {
        "type": "object",
        "properties": {
            **WHO,
            "key": _about("For a program: the key for the header, this once.", TEXT),
        },
        "required": list(WHO),
        "additionalProperties": False,
    },
    "User": _about("What the setting API_USER tells of a user.", {"type": "object"}),
    "Session": _object(
        id=_about("The public id. It is no secret, and the same for the whole session.", TEXT),
        current=_about("Whether it is the session of this request.", {"type": "boolean"}),
        created=TIME,
        authenticated=_about(
            "The last sign-in, or the last proof of the password.", _or_null(TIME)
        ),
        last_seen=TIME,
        idle_until=_about("When it ends if it is not used before.", _or_null(TIME)),
        ends_at=_about("When it ends, however active.", _or_null(TIME)),
        carrier={"type": "string", "enum": ["cookie", "header"]},
        methods=METHODS,
        **FROM,
    ),
    "Key": _object(key=_about("For a program: the key for the header, this once.", TEXT)),
    "Sessions": _object(sessions=_list(_ref("Session")), count=NUMBER, pages=NUMBER),
    "Ended": _object(ended=_about("How many sessions have ended.", NUMBER)),
    "Entry": _object(
        what={"type": "string", "enum": What.values},
        in_words=_about("What happened, in the user's language.", TEXT),
        at=TIME,
        until=_about("Later than at for several failed attempts.", TIME),
        count=NUMBER,
        reason=_about("Why a session or an API token ended; otherwise empty.", TEXT),
        session_id=_about("Empty without a session.", TEXT),
        token_id=_about("Empty without an API token.", TEXT),
        token_name=TEXT,
        methods=METHODS,
        **FROM,
    ),
    "History": _object(history=_list(_ref("Entry"))),
    "Tokens": _object(
        tokens=_list(_ref("Token")),
        scopes=_about(
            "What one may be allowed to do, in words, by the name of the scope.",
            {"type": "object", "additionalProperties": TEXT},
        ),
    ),
    "Token": _object(**TOKEN),
    "NewToken": _object(token=_about("What a program sends, this once.", TEXT), **TOKEN),
    "Errors": _about(
        "What is wrong, by the name of the field; `__all__` for the fields together.",
        {"type": "object", "additionalProperties": _list(_object(message=TEXT, code=TEXT))},
    ),
    "Problem": {
        "description": "RFC 9457.",
        "type": "object",
        "properties": {
            "type": {"const": "about:blank"},
            "title": TEXT,
            "status": NUMBER,
            "code": _about("What happened, for programs. It does not change.", TEXT),
            "detail": _about("What happened, for developers.", TEXT),
            "errors": _about(
                "With invalid_input, too_many_attempts and token_limit_reached.", _ref("Errors")
            ),
            "would_end": _about("With session_limit_reached.", _list(_ref("Session"))),
            "csrf": _about("With session_limit_reached: a new token.", _or_null(TEXT)),
        },
        "required": ["type", "title", "status", "code", "detail"],
        "additionalProperties": False,
    },
}
