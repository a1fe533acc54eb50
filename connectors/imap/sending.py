"""Letters as MIME, and out by SMTP (RFC 5321).

The Message-ID comes from the key of a delivery: the sent items then tell whether it went out, before it is sent again.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING

from copilot._redaction import one_line
from copilot.errors import ServiceError
from copilot.plugins.connections import Account
from copilot.plugins.connections.mail import Address, Letter

from . import mime
from .options import Options
from .session import PATIENCE, signed_out, xoauth2

if TYPE_CHECKING:
    from .mail import ImapMail

_LOST = (smtplib.SMTPServerDisconnected, OSError, EOFError)


def draft(mail: ImapMail, letter: Letter, key: str) -> str:
    """Return the id of the draft that keeps a letter; with the same key there is one."""
    from .mail import Place

    made, raw = _made(mail, letter, key), mail.for_role("drafts")
    message_id = str(made["Message-ID"])
    if not mail.with_message_id(raw, message_id):
        mail.mailbox.append(raw, "(\\Draft \\Seen)", made.as_bytes(policy=SMTP), "the draft")
    uids = mail.with_message_id(raw, message_id)
    path = next(folder.path for folder, name, _ in mail.mailbox.folders() if name == raw)
    return Place(path, mail.mailbox.validity, uids[-1] if uids else 0, message_id).id


def send(mail: ImapMail, account: Account, letter: Letter, key: str) -> str:
    """Send a letter and return a receipt. Raises ServiceError; "uncertain" when it may have gone out."""
    made = _made(mail, letter, key)
    return _gone(mail, account, made, [each.address for each in (*letter.to, *letter.cc, *letter.bcc)])


def send_draft(mail: ImapMail, account: Account, id: str) -> str:
    """Send a draft, which is taken out of the drafts then, and return a receipt."""
    place, raw, fetched = mail.whole(id)
    made = mime.parsed(fetched.content)
    people = [each.address for name in ("to", "cc", "bcc") for each in mime.addresses(made, name)]
    receipt = _gone(mail, account, made, people)
    with suppress(ServiceError):  # it is sent; a draft that stays does no harm
        mail.expunge(raw, str(place.uid))
    return receipt


def _gone(mail: ImapMail, account: Account, made: Message, people: Sequence[str]) -> str:
    """Send a message, unless the sent items have it, and keep it there."""
    del made["Bcc"]
    content = made.as_bytes(policy=made.policy.clone(linesep="\r\n"))
    raw, message_id = mail.for_role("sent"), str(made["Message-ID"] or "")
    if message_id and mail.with_message_id(raw, message_id):
        return "It had been sent already; it is in the sent items."
    refused = _sent(mail.options, account, people, content)
    told = f" Not delivered to {', '.join(refused)}: the server refused them." if refused else ""
    if not mail.options.keeps:
        return f"Sent.{told}"
    try:
        mail.mailbox.append(raw, "(\\Seen)", content, "the copy in the sent items")
    except ServiceError as error:
        return f"Sent, but no copy could be kept: {error.message}{told}"
    return f"A copy is in the sent items.{told}"


# --- MIME -------------------------------------------------------------------------------------------------------------


def _made(mail: ImapMail, letter: Letter, key: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    domain = mail.options.domain
    made["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"
    made["Date"] = formatdate(localtime=False)
    made["From"] = _written(mail.me)
    made["Subject"] = letter.subject
    for name, people in (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc)):
        if people:
            made[name] = ", ".join(_written(each) for each in people)
    if letter.answers in ("reply", "reply_all"):
        _refer(mail, made, letter.answered)
    made.set_content(letter.text)
    made.add_alternative(letter.html, subtype="html")
    for file in letter.files:
        main, _, sub = file.media.partition("/")
        if main in ("multipart", "message") or not sub:
            main, sub = "application", "octet-stream"
        made.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    return made


def _written(who: Address) -> str:
    """Return an address as a header has it, the name in quotes."""
    name = one_line(who.name, most=100).replace("\\", "").replace('"', "")
    return f'"{name}" <{who.address}>' if name else who.address


def _refer(mail: ImapMail, made: EmailMessage, id: str) -> None:
    """Say what a letter answers (RFC 5322, section 3.6.4)."""
    headers = mail.read(id).head.headers
    if above := headers.get("message-id"):
        made["In-Reply-To"] = above
        made["References"] = " ".join(dict.fromkeys([*headers.get("references", "").split()[-20:], above]))


# --- SMTP -------------------------------------------------------------------------------------------------------------


def _sent(options: Options, account: Account, people: Sequence[str], content: bytes) -> list[str]:
    """Send a message; return who was refused while others got it. Raises ServiceError when nobody gets it."""
    with _server(options, account) as server:
        refused = []
        try:
            _checked(server.mail(options.address, ["SMTPUTF8"] if not _is_ascii(people) else []), "the sender")
            for each in people:
                code, _ = server.rcpt(each)
                refused += [each] if code not in (250, 251) else []
        except (*_LOST, smtplib.SMTPException) as error:
            raise _unreachable(options, error) from error
        if len(refused) == len(people):
            whom = ", ".join(refused)
            raise ServiceError(f"{options.smtp[0]} takes nothing for {whom}; nothing was sent.", code="invalid")
        try:
            _checked(server.data(content), "the message")
        except smtplib.SMTPDataError as error:
            raise ServiceError(
                f"{options.smtp[0]} refused the message ({error.smtp_code}); nothing was sent.", code="invalid"
            ) from error
        except _LOST as error:
            raise ServiceError(
                f"It is not known whether the mail went out: {options.smtp[0]} broke off ({type(error).__name__}).",
                hint="Look into the sent items, or ask who should have got it.",
                code="uncertain",
            ) from error
        return refused


def _is_ascii(people: Sequence[str]) -> bool:
    return all(each.isascii() for each in people)


def _checked(answer: tuple[int, bytes], what: str) -> None:
    code, said = answer
    if code not in (250, 251):
        text = one_line(said.decode("utf-8", "replace"))
        raise ServiceError(f"The server refused {what}: {code} {text}; nothing was sent.", code="invalid")


@contextmanager
def _server(options: Options, account: Account) -> Iterator[smtplib.SMTP]:
    host, port = options.smtp
    secret, context = options.secret(account), ssl.create_default_context()
    try:
        if options.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE)
    except (*_LOST, smtplib.SMTPException) as error:
        raise _unreachable(options, error) from error
    try:
        _signed_in(server, options, account, secret, context)
        yield server
    finally:
        with suppress(*_LOST, smtplib.SMTPException):
            server.quit()
        server.close()


def _signed_in(server: smtplib.SMTP, options: Options, account: Account, secret: str, context: ssl.SSLContext) -> None:
    try:
        server.ehlo()
        if options.smtp_security == "starttls":
            server.starttls(context=context)
            server.ehlo()
        if options.auth == "xoauth2":
            server.auth("XOAUTH2", lambda challenge=None: xoauth2(options.login, secret))
        else:
            server.login(options.login, secret)
    except smtplib.SMTPAuthenticationError as error:
        raise signed_out(account.name, options, options.smtp[0]) from error
    except (*_LOST, smtplib.SMTPException) as error:
        raise _unreachable(options, error) from error


def _unreachable(options: Options, error: BaseException) -> ServiceError:
    said = one_line(str(error)) or type(error).__name__
    hint = "Nothing was sent. Try again later."
    return ServiceError(f"{options.smtp[0]} can't be used ({said}).", hint=hint, code="unreachable")
