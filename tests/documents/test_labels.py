"""Sensitivity labels: as Microsoft documents LabelInfo.xml and the MSIP_Label_ properties, and hostile files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.documents.labels import SensitivityLabel, sensitivity

GUID = "87867195-f2b8-4ac2-b0b6-6bb73cb33afc"
OTHER = "11111111-2222-3333-4444-555555555555"
SITE = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def office(*parts: tuple[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", "<d/>")
        for name, content in parts:
            package.writestr(name, content)
    return buffer.getvalue()


def label_info(attributes: str) -> tuple[str, str]:
    return "docMetadata/LabelInfo.xml", (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?><clbl:labelList '
        'xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata">'
        f"<clbl:label {attributes} /></clbl:labelList>"
    )


def custom(guid: str = GUID, **values: str) -> tuple[str, str]:
    properties = "".join(
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{pid}" name="MSIP_Label_{guid}_{name}">'
        f"<vt:lpwstr>{value}</vt:lpwstr></property>"
        for pid, (name, value) in enumerate(values.items(), 2)
    )
    return "docProps/custom.xml", (
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        f'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{properties}</Properties>'
    )


def test_label_info_is_read() -> None:
    part = label_info(f'id="{{{GUID.upper()}}}" enabled="1" method="Privileged" siteId="{{{SITE}}}" contentBits="2"')
    assert sensitivity(office(part)) == (
        SensitivityLabel(GUID, site_id=SITE, content_bits=2, origin="docMetadata/LabelInfo.xml"),
    )


def test_custom_properties_are_read() -> None:
    part = custom(Enabled="true", SiteId=SITE, Name="Highly Confidential", ContentBits="8", Method="Standard")
    (label,) = sensitivity(office(part))
    assert (label.guid, label.site_id, label.name, label.active, label.encrypts) == (
        GUID,
        SITE,
        "Highly Confidential",
        True,
        True,
    )


def test_both_places_count() -> None:
    content = office(label_info(f'id="{{{GUID}}}" enabled="0"'), custom(OTHER, Enabled="True"))
    assert {(label.guid, label.active) for label in sensitivity(content)} == {(GUID, False), (OTHER, True)}


@pytest.mark.parametrize(
    ("attributes", "active"),
    [
        ('enabled="1"', True),
        ('enabled="true"', True),
        ('enabled="1" removed="0"', True),
        ("", True),  # only a plain "off" switches a label off
        ('enabled="0"', False),
        ('enabled="false"', False),
        ('enabled="1" removed="1"', False),
        ('enabled="1" removed="true"', False),
    ],
)
def test_a_label_counts_unless_it_is_off(attributes: str, active: bool) -> None:
    (label,) = sensitivity(office(label_info(f'id="{{{GUID}}}" {attributes}')))
    assert label.active is active


@pytest.mark.parametrize(("bits", "encrypts"), [("0", False), ("7", False), ("8", True), ("15", True), ("many", True)])
def test_content_bits(bits: str, encrypts: bool) -> None:
    (label,) = sensitivity(office(label_info(f'id="{{{GUID}}}" enabled="1" contentBits="{bits}"')))
    assert label.encrypts is encrypts


def test_found_under_another_name_through_the_relationships() -> None:
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties" '
        'Target="/meta/Props.xml"/></Relationships>'
    )
    assert [x.guid for x in sensitivity(office(("_rels/.rels", rels), ("meta/props.xml", custom(Enabled="1")[1])))] == [
        GUID
    ]


def test_utf16_and_other_properties() -> None:
    name, text = custom(Enabled="true")
    text = text.replace(
        "</Properties>", '<property name="Department"><vt:lpwstr>MSIP</vt:lpwstr></property></Properties>'
    )
    assert [x.guid for x in sensitivity(office((name, text.encode("utf-16"))))] == [GUID]


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"not a file", b"%PDF-1.7", b"\xd0\xcf\x11\xe0" + bytes(600), office()[:-10]],
    ids=["empty", "header", "text", "pdf", "ole", "cut"],
)
def test_what_is_no_office_file_has_no_label(content: bytes) -> None:
    assert sensitivity(content) == ()


def test_no_label_part() -> None:
    assert sensitivity(office()) == ()
    assert sensitivity(office(("docProps/custom.xml", "<Properties/>"))) == ()


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    "xml",
    [
        b"<unclosed>",
        b"",
        b"\xff\xfe\x00",
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b"<a>" * 200_000,
        b"<a>" + b"x" * (5 << 20) + b"</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
    ],
    ids=["unclosed", "empty", "utf16", "doctype", "doctype utf16", "deep", "big", "encoding"],
)
@pytest.mark.parametrize("name", ["docMetadata/LabelInfo.xml", "docProps/custom.xml"])
def test_a_label_part_that_cant_be_read_is_an_unknown_label(name: str, xml: bytes) -> None:
    (label,) = sensitivity(office((name, xml)))
    assert label.active
    assert label.guid == ""


def test_many_label_parts_stay_cheap() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for i in range(40):
            package.writestr(f"{'/' * i}docProps/custom.xml", b" " * (5 << 20))
    found = sensitivity(buffer.getvalue())
    assert 0 < len(found) <= 5  # the rest was not even inflated
    assert all(label.guid == "" and label.active for label in found)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.sampled_from(["docMetadata/LabelInfo.xml", "docProps/custom.xml", "_rels/.rels"]))
def test_never_raises(xml: bytes, name: str) -> None:
    sensitivity(xml)
    sensitivity(office((name, xml)))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus of real files here")
def test_real_files_are_read() -> None:
    for path in sorted(CORPUS.glob("*.*x")):
        for label in sensitivity(path.read_bytes()):
            assert len(label.guid) == 36, path.name
