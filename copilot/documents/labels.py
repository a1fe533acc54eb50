"""Microsoft sensitivity labels of an Office file, read from the two places where Office and its add-ins keep them.

* `docMetadata/LabelInfo.xml` ([MS-OFFCRYPTO] 2.6.5, `clbl:labelList`), written by current Office;
* `docProps/custom.xml`, properties `MSIP_Label_<guid>_Enabled`, `_SiteId`, `_Name`, `_ContentBits`, ..., written by
  older Office and by most other tools.

A mail message has them in its header `msip_labels`, as `MSIP_Label_<guid>_Enabled=true; ...`.

Both are read, and both count: a file may have been labelled by one program and relabelled by another.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

#: [MS-OFFCRYPTO] 2.6.5: the bit of `contentBits` that says the content is encrypted by the label.
ENCRYPTED = 0x8
_ALL_BITS = 0xF

_LABEL_INFO = "docmetadata/labelinfo.xml"
_CUSTOM = "docprops/custom.xml"
_PROPERTY = re.compile(r"MSIP_Label_(?P<guid>[0-9A-Fa-f{}-]+)_(?P<field>\w+)\Z", re.IGNORECASE)
_MAIL_HEADER = re.compile(r"(?im)^msip_labels:(.*)$")
_TAGS = frozenset({"Relationship", "label", "property"})

# Generous for real files, and small enough that reading labels stays cheap whatever a file claims to hold.
_MAX_PARTS = 4
_MAX_PART = 4 * 2**20
_MAX_DEPTH = 32
_MAX_HEADERS = 256 * 2**10
_MAX_LABELS = 200


@dataclass(frozen=True, slots=True)
class SensitivityLabel:
    """One label of a file. `guid` is lower-case without braces, and empty for a label part that can't be read.

    A label counts (`active`) unless the file says plainly that it is off or removed. `origin` is the part it was
    read from. `name` is what the author's tenant called it: to be shown, never to decide by.
    """

    guid: str
    name: str = ""
    site_id: str = ""
    enabled: bool = True
    removed: bool = False
    content_bits: int = 0
    origin: str = ""

    @property
    def active(self) -> bool:
        """Whether the label applies."""
        return self.enabled and not self.removed

    @property
    def encrypts(self) -> bool:
        """Whether the label protects the content by encryption."""
        return bool(self.content_bits & ENCRYPTED)


def sensitivity(content: bytes) -> tuple[SensitivityLabel, ...]:
    """Return the labels of an Office file or a mail message, also those that are switched off; () where there is none.

    Never raises: what is neither, or too broken to open, has no labels. A label part that is there but can't
    be read gives a label without a GUID, so that whoever decides by labels can refuse.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, OverflowError):
        return _of_mail(content)
    found: list[SensitivityLabel] = []
    for info, reader in _label_parts(package):
        try:
            found += reader(_inflate(package, info), info.filename)
        except _Unreadable:
            found.append(SensitivityLabel("", origin=info.filename))
    return tuple(dict.fromkeys(found))[:_MAX_LABELS]


class _Unreadable(Exception):
    """A label part that can't be read."""


_Reader = Callable[[bytes, str], list[SensitivityLabel]]


def _label_parts(package: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, _Reader]]:
    """Yield the parts that hold labels: under their usual names, and where the package's relationships point."""
    kinds: dict[str, _Reader] = {}
    entries = package.infolist()
    for info in [entry for entry in entries if _part_name(entry.filename) == "_rels/.rels"][:_MAX_PARTS]:
        try:
            kinds |= _targets(_inflate(package, info))
        except _Unreadable:
            continue  # the document itself can't be opened then; the usual names still count
    kinds |= {_LABEL_INFO: _read_label_info, _CUSTOM: _read_custom}
    parts = [(info, kinds[name]) for info in entries if (name := _part_name(info.filename)) in kinds]
    yield from parts[:_MAX_PARTS]
    if len(parts) > _MAX_PARTS:
        yield parts[_MAX_PARTS][0], _refuse


def _part_name(name: str) -> str:
    """Part names compare without regard to case (ECMA-376-2, 6.2.2.3)."""
    return name.replace("\\", "/").lstrip("/").lower()


def _targets(relationships: bytes) -> dict[str, _Reader]:
    kinds: dict[str, _Reader] = {"classificationlabels": _read_label_info, "custom-properties": _read_custom}
    found = [attributes for tag, attributes, _ in _elements(relationships) if tag == "Relationship"]
    return {
        _part_name(attributes.get("Target", "")): kinds[kind]
        for attributes in found
        if (kind := attributes.get("Type", "").rpartition("/")[2]) in kinds
    }


def _refuse(xml: bytes, origin: str) -> list[SensitivityLabel]:
    raise _Unreadable


def _inflate(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the part's bytes; the size that the entry declares is not believed."""
    try:
        with package.open(info) as stream:
            data = stream.read(_MAX_PART + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError, ValueError):
        raise _Unreadable from None
    if len(data) > _MAX_PART:
        raise _Unreadable
    return data


def _elements(xml: bytes) -> list[tuple[str, dict[str, str], str]]:
    """Return (local name, attributes, text) of the elements that we know, in the order they end.

    Raises _Unreadable for malformed or absurdly nested XML, and for any DOCTYPE.
    """
    done: list[tuple[str, dict[str, str], str]] = []
    opened: list[tuple[str, dict[str, str], list[str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(opened) >= _MAX_DEPTH:
            raise _Unreadable
        opened.append((name.rpartition(" ")[2], {k.rpartition(" ")[2]: v for k, v in attributes.items()}, []))

    def end(name: str) -> None:
        tag, attributes, text = opened.pop()
        if tag in _TAGS:
            done.append((tag, attributes, "".join(text)))
        elif opened:
            opened[-1][2].extend(text)  # the value of a property is the text of the element in it

    def refuse(*_: object) -> None:
        raise _Unreadable

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: opened[-1][2].append(text)
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise _Unreadable from None
    return done


def _read_label_info(xml: bytes, origin: str) -> list[SensitivityLabel]:
    return [
        SensitivityLabel(
            guid=_guid(attributes.get("id", "")),
            name=attributes.get("name", ""),
            site_id=_guid(attributes.get("siteId", "")),
            enabled=not _is_false(attributes.get("enabled")),
            removed=_is_true(attributes.get("removed")),
            content_bits=_bits(attributes.get("contentBits")),
            origin=origin,
        )
        for tag, attributes, _ in _elements(xml)
        if tag == "label"
    ]


def _of_mail(content: bytes) -> tuple[SensitivityLabel, ...]:
    """Return the labels of a message: one property behind the other in a header, which may be folded."""
    head = re.split(rb"\r?\n\r?\n", content[:_MAX_HEADERS], maxsplit=1)[0]
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head.decode("latin-1"))
    values = _MAIL_HEADER.findall(unfolded)
    pairs = [pair.partition("=") for value in values for pair in value.split(";")]
    return tuple(_of_properties(((name.strip(), text) for name, _, text in pairs), "msip_labels"))[:_MAX_LABELS]


def _read_custom(xml: bytes, origin: str) -> list[SensitivityLabel]:
    found = (
        (attributes.get("name", "").strip(), text) for tag, attributes, text in _elements(xml) if tag == "property"
    )
    return _of_properties(found, origin)


def _of_properties(properties: Iterable[tuple[str, str]], origin: str) -> list[SensitivityLabel]:
    fields: dict[str, dict[str, str]] = {}
    for name, text in properties:
        if match := _PROPERTY.match(name):
            fields.setdefault(_guid(match["guid"]), {})[match["field"].lower()] = text.strip()
    return [
        SensitivityLabel(
            guid=guid,
            name=values.get("name", ""),
            site_id=_guid(values.get("siteid", "")),
            enabled=not _is_false(values.get("enabled")),
            removed=_is_true(values.get("removed")),
            content_bits=_bits(values.get("contentbits")),
            origin=origin,
        )
        for guid, values in fields.items()
    ]


def _guid(text: str) -> str:
    return text.strip().strip("{}").lower()


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("true", "1")


def _is_false(text: str | None) -> bool:
    return (text or "").strip().lower() in ("false", "0")


def _bits(text: str | None) -> int:
    """What can't be read counts as every bit: a label that hides its protection is the stricter reading."""
    if not (text or "").strip():
        return 0
    try:
        return int(str(text), 0)
    except ValueError:
        return _ALL_BITS
