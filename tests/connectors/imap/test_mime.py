"""Malformed and hostile messages: each is read as far as it goes, and nothing raises."""

from __future__ import annotations

import base64

import pytest

from copilot.connectors.imap import mime

_HEAD = b"From: a@b.example\r\nSubject: S\r\n"


def _multipart(*parts: bytes, boundary: bytes = b"x", end: bytes = b"--x--\r\n") -> bytes:
    inner = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        _HEAD
        + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="'
        + boundary
        + b'"\r\n\r\n'
        + inner
        + end
    )


_TEXT = b"Content-Type: text/plain\r\n\r\nhello"

#: What it is, the message, and what has to be found in its text, subject, sender or attachments.
NASTY: tuple[tuple[str, bytes, str], ...] = (
    ("nothing", b"", ""),
    ("no headers", b"just some words", "just some words"),
    ("only headers", _HEAD, "S"),
    ("bytes at random", bytes(range(256)) * 4, ""),
    ("no end of the parts", _multipart(_TEXT, end=b""), "hello"),
    ("a boundary that never comes", _HEAD + b"Content-Type: multipart/mixed; boundary=zz\r\n\r\nhello\r\n", "hello"),
    ("no boundary", _HEAD + b"Content-Type: multipart/mixed\r\n\r\nhello\r\n", "hello"),
    ("an empty boundary", _HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nhello\r\n', ""),
    ("an unknown charset", _HEAD + b"Content-Type: text/plain; charset=klingon\r\n\r\nhello", "hello"),
    ("the wrong charset", _HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xe9", "café"),
    ("bytes beyond ASCII without a charset", _HEAD + b"\r\ncaf\xc3\xa9", "café"),
    ("a charset that is a codec", _HEAD + b"Content-Type: text/plain; charset=rot13\r\n\r\nhello", "hello"),
    ("a charset of null bytes", _HEAD + b'Content-Type: text/plain; charset="a\0b"\r\n\r\nhello', "hello"),
    ("broken base64", _HEAD + b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8$$$", "hello"),
    ("an unknown encoding", _HEAD + b"Content-Transfer-Encoding: rot26\r\n\r\nhello", "hello"),
    ("broken quoted-printable", _HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello=ZZ=\r\n=", "hello"),
    ("an encoded word that is none", b"Subject: =?utf-8?Q?=ZZ=?= =?x?B?!!!?=\r\nFrom: a@b.example\r\n\r\nt", "t"),
    ("an encoded word cut in a letter", b"Subject: =?utf-8?B?w6k=?= =?utf-8?B?w6?=\r\n\r\nt", "é"),
    ("raw bytes in the subject", b"Subject: caf\xc3\xa9\r\n\r\nt", "café"),
    ("raw Latin-1 in the subject", b"Subject: caf\xe9\r\n\r\nt", "café"),
    ("two subjects", b"Subject: first\r\nSubject: second\r\n\r\nt", "first"),
    ("a date in the far future", _HEAD + b"Date: Fri, 31 Dec 99999 25:61:61 +9999\r\n\r\nhello", "hello"),
    ("a sender without an address", b"From: nobody at all\r\n\r\nhello", "hello"),
    ("comments in comments", b"From: " + b"(" * 5000 + b"a@b.example\r\n\r\nhello", "hello"),
    ("a header of a megabyte", b"Subject: " + b"x" * 2**20 + b"\r\n\r\nhello", "hello"),
    ("many recipients", b"To: " + b"a@b.example, " * 20_000 + b"\r\n\r\nhello", "hello"),
    ("parts in parts", b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(40)), ""),
    ("too many parts", _multipart(*[_TEXT] * 510), "hello"),
    ("a file name that leads out", _multipart(
        b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="../../etc/passwd"\r\n\r\nx'),
        "../../etc/passwd"),
    ("a file name in pieces", _multipart(
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*0*=utf-8''caf%C3;"
        b" filename*1*=%A9.pdf\r\n\r\nx"), "café.pdf"),
    ("a mail in a mail", _multipart(b"Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\ninner"), "message.eml"),
    ("a broken mail in a mail", _multipart(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(b"Subject: I\r\n\r\nx")), "message.eml"),
    ("a charset that replaces nothing", _HEAD + b"Content-Type: text; charset=punycode\r\n\r\nhello-\xff", "hello"),
    ("mails in mails", b"Content-Type: message/rfc822\r\n\r\n" * 300 + b"\r\nhello", "message.eml"),
    ("line ends of three kinds", b"Subject: S\rFrom: a@b.example\n\r\nhello\r\r\n", ""),
    ("winmail.dat", _multipart(b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx"), "winmail.dat"),
    ("an invisible subject", "Subject: a\u202eb\r\n\r\nhello".encode(), "hello"),
)  # fmt: skip


@pytest.mark.parametrize(("content", "wanted"), [each[1:] for each in NASTY], ids=[each[0] for each in NASTY])
def test_a_malformed_message_is_read(content: bytes, wanted: str) -> None:
    for cut in (content, content[:24576]):
        head = mime.headline(cut, "id")
    found = mime.message(content, head)
    names = [part.name for part in found.parts]
    assert wanted in "\n".join([found.text, found.html, head.subject, head.sender.address, *names])
    for part in found.parts[:1]:
        mime.content_of(content, part.id)
    str(head).encode()


def test_what_is_wrong_is_told() -> None:
    def odd(content: bytes) -> str:
        return " ".join(mime.message(content, mime.headline(content, "id")).odd)

    assert "charset" in odd(_HEAD + b"Content-Type: text/plain; charset=klingon\r\n\r\nhello")
    assert "too many parts" in odd(_multipart(*[_TEXT] * 510))
    assert "malformed" in odd(_multipart(_TEXT, end=b""))


def test_labels_and_privacy_are_read() -> None:
    sealed = _HEAD + b"msip_labels: MSIP_Label_0_Enabled=true;\r\n MSIP_Label_0_Name=X\r\nSensitivity: Private\r\n\r\nt"
    assert mime.headline(sealed, "id").protection.labels == "MSIP_Label_0_Enabled=true; MSIP_Label_0_Name=X"
    assert mime.headline(sealed, "id").protection.private
    assert not mime.headline(_HEAD + b"\r\nt", "id").protection.private
