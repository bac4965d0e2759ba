"""The API reference and the code agree."""

from frontdesk.api.endpoints import ENDPOINTS
from frontdesk.api.openapi import document
from tests.docs.api_reference import PAGE, written


def test_the_reference_is_what_the_openapi_document_says():
    found = PAGE.read_text(encoding="utf-8")
    assert found == written(document(ENDPOINTS, "/")), "Run python -m tests.docs.api_reference"
