"""The API reference and the code agree."""

from frontdesk.api.endpoints import ENDPOINTS
from frontdesk.api.openapi import document
from frontdesk.api.problems import DETAILS
from tests.docs.api_reference import PAGE, written
from tests.docs.pages import ROOT, section


def test_the_reference_is_what_the_openapi_document_says():
    found = PAGE.read_text(encoding="utf-8")
    assert found == written(document(ENDPOINTS, "/")), "Run python -m tests.docs.api_reference"


def test_every_code_is_explained_with_its_status():
    text = section(ROOT / "docs" / "howto" / "json-api.md", "Errors")
    rows = [row for row in text.split("| |") if "`" in row]
    for code, (status, _) in DETAILS.items():
        assert any(str(status) in row and f"`{code}`" in row for row in rows), code
