"""From Microsoft labels to ours: by GUID, the strictest wins, the unknown is restricted."""

from __future__ import annotations

import io
import zipfile

import pytest

from copilot.settings import TrustSettings
from copilot.trust.labels import Confidentiality, Integrity, Label
from copilot.trust.sensitivity import label_of

KNOWN = "aaaaaaaa-0000-0000-0000-000000000001"
OPEN = "aaaaaaaa-0000-0000-0000-000000000002"
STRANGE = "bbbbbbbb-0000-0000-0000-000000000009"
TRUST = TrustSettings(labels={KNOWN.upper(): "internal", f"{{{OPEN}}}": "public"})


def office(*labels: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("word/document.xml", "<d/>")
        if labels:
            package.writestr("docMetadata/LabelInfo.xml", f"<labelList>{''.join(labels)}</labelList>")
    return buffer.getvalue()


def label(guid: str, enabled: int = 1, bits: int = 0, **more: str) -> str:
    rest = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<label id="{{{guid}}}" enabled="{enabled}" contentBits="{bits}"{rest}/>'


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), Confidentiality.INTERNAL),
        ((label(KNOWN),), Confidentiality.INTERNAL),
        ((label(OPEN),), Confidentiality.PUBLIC),
        ((label(OPEN), label(KNOWN)), Confidentiality.INTERNAL),
        ((label(STRANGE),), Confidentiality.RESTRICTED),
        ((label(STRANGE, name="Public"),), Confidentiality.RESTRICTED),  # a name decides nothing
        ((label(STRANGE, enabled=0),), Confidentiality.INTERNAL),
        ((label(STRANGE, removed="1"),), Confidentiality.INTERNAL),
        ((label(OPEN, bits=8),), Confidentiality.RESTRICTED),
        ((label(OPEN), label(STRANGE)), Confidentiality.RESTRICTED),
        (("<label enabled='1'/>",), Confidentiality.RESTRICTED),
        (("<broken",), Confidentiality.RESTRICTED),
    ],
)
def test_confidentiality(labels: tuple[str, ...], expected: Confidentiality) -> None:
    found = label_of(office(*labels), "a.docx", TRUST)
    assert found == Label(Integrity.UNTRUSTED, expected, ("a.docx",))


def test_what_is_no_office_file_gets_the_default() -> None:
    for default in ("public", "internal", "restricted"):
        found = label_of(b"a,b\n1,2\n", "a.csv", TrustSettings(default_confidentiality=default))
        assert found.confidentiality is Confidentiality.parse(default)
        assert found.tainted


def custom(**fields: object) -> str:
    """Return a docProps/custom.xml with one label's properties, as older Office writes them."""
    rows = "".join(
        f'<property name="MSIP_Label_{STRANGE}_{name}"><vt:lpwstr>{value}</vt:lpwstr></property>'
        for name, value in fields.items()
    )
    return f'<Properties xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{rows}</Properties>'


@pytest.mark.parametrize(
    ("info", "fields", "expected"),
    [
        ((), {"Enabled": "true"}, Confidentiality.RESTRICTED),
        ((), {"Enabled": "false"}, Confidentiality.INTERNAL),
        ((), {"Name": "Public"}, Confidentiality.RESTRICTED),
        ((label(OPEN),), {"Enabled": "true"}, Confidentiality.RESTRICTED),
        ((label(OPEN),), {"Enabled": "false"}, Confidentiality.PUBLIC),
        ((label(STRANGE),), {"Enabled": "false"}, Confidentiality.RESTRICTED),
        ((label(STRANGE, removed="1"),), {"Enabled": "true"}, Confidentiality.RESTRICTED),
        ((label(OPEN, bits=7),), {"Enabled": "false", "ContentBits": "8"}, Confidentiality.PUBLIC),
        ((label(OPEN, bits=15),), {}, Confidentiality.RESTRICTED),
    ],
)
def test_the_stricter_of_both_places_counts(
    info: tuple[str, ...], fields: dict[str, str], expected: Confidentiality
) -> None:
    buffer = io.BytesIO(office(*info))
    with zipfile.ZipFile(buffer, "a") as package:
        package.writestr("docProps/custom.xml", custom(**fields))
    assert label_of(buffer.getvalue(), "a.docx", TRUST).confidentiality is expected


def test_who_may_see_it_goes_by_its_place() -> None:
    trust = TrustSettings(readers={"hr/*": ["@contoso.com"], "*/pay*": ["anna@contoso.com", "x@y.z"]})
    assert label_of(b"", "a.txt", trust).readers is None
    assert label_of(b"", "hr/a.txt", trust).readers == {"@contoso.com"}
    assert label_of(b"", "hr/pay.txt", trust).readers == {"anna@contoso.com"}
