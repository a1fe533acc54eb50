"""Attachments that came: which are refused, and under which name one is kept."""

from __future__ import annotations

import re

from copilot.errors import DocumentError, ToolInputError
from copilot.plugins.connections.mail import Mail, Message, Part
from copilot.trust.sanitise import safe_text

from .show import line, size

#: Bytes of an attachment that is read or kept.
MOST = 32 * 2**20
#: What runs when it is opened: Outlook's list of blocked attachments ("Blocked attachments in Outlook").
_BLOCKED = """
ade adp apk app application appx appxbundle bas bat cab cer chm cmd cnt com cpl crt csh der diagcab dll dmg
exe fxp gadget grp hlp hpj hta htc img inf ins iso isp its jar jnlp js jse ksh lnk mad maf mag mam maq mar mas
mat mau mav maw mcf mda mdb mde mdt mdw mdz msc msh msh1 msh1xml msh2 msh2xml mshxml msi msp mst msu ops osd
pcd pif pl plg prf prg printerexport ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 pssc pst py pyc pyo pyw pyz
pyzw reg scf scr sct sh shb shs sys theme tmp udl url vb vbe vbp vbs vhd vhdx vsmacros vsw webpnp website ws
wsc wsf wsh xbap xll xnk
"""
_PROGRAMS = frozenset(_BLOCKED.split())
#: Beginnings of programs, whatever they are called: Windows, Linux, macOS, scripts.
_STARTS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe", b"#!")
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?\Z")


def part_named(message: Message, name: str) -> Part:
    """Return the attachment of a name (or the only one for ""). Raises ToolInputError with the names that there are."""
    parts = [each for each in message.parts if not each.inline] or list(message.parts)
    if not name and len(parts) == 1:
        return parts[0]
    found = [each for each in message.parts if line(each.name).casefold() == line(name).casefold()]
    if not found:
        raise ToolInputError.unknown("attachment", name, [line(each.name, 100) for each in parts])
    return found[0]


def fetched(mail: Mail, id: str, part: Part, mailbox: str) -> bytes:
    """Return an attachment's bytes. Raises DocumentError for what is too large, a program, or lies elsewhere."""
    name = line(part.name, 120)
    if part.kind == "link":
        raise DocumentError(f"{name} is a link to a file that lies elsewhere.", code="unsupported")
    if part.size > MOST * 1.4:  # as it is counted, in base64 perhaps
        hint = "Save it from a mail program."
        raise DocumentError(f"{name} has {size(part.size)}, more than {size(MOST)}.", hint=hint, code="too_large")
    suffix = part.name.rstrip(". ").rpartition(".")[2].casefold()
    if suffix in _PROGRAMS:
        raise _refused(name)
    content = mail.content(id, part.id, MOST, mailbox)
    if content.startswith(_STARTS):
        raise _refused(name)
    return content


def _refused(name: str) -> DocumentError:
    hint = "Ask its sender for another kind of file."
    return DocumentError(f"{name} is a program, or can start one; it is not opened or kept.", hint=hint, code="unsafe")


def safe_name(name: str) -> str:
    """Return a name under which an attachment can be kept on any system, in the folder itself."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", " ".join(safe_text(name).split())).strip(". ")
    stem, dot, suffix = plain.rpartition(".")
    short = f"{(stem or plain)[:120].rstrip()}{dot}{suffix[:12]}" if stem else plain[:120]
    return f"_{short}" if not short or _RESERVED.match(short) else short
