"""A zip archive that is saved by copying every untouched entry as the bytes it was (APPNOTE 6.3.10).

Nothing is inflated before it is asked for, and then in chunks against a counter: declared sizes are claims.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

from copilot.documents.limits import DEFAULT, Limits
from copilot.errors import DocumentError

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_CHUNK = 1 << 18
_BIG = 8_000_000  # bytes from which on a part is deflated when it is written
_LEVEL_BIG = (
    3  # of deflate: what comes in pieces is big, too, and Office itself packs big sheets fast rather than small
)
_FIXED_TIME = (0, 0x21)  # 1980-01-01 00:00, the epoch of zip: new entries carry no clock
_DESCRIPTOR, _ENCRYPTED, _UTF8 = 0x08, 0x01, 0x800
_WIDE = 0xFFFFFFFF  # a size that stands in the zip64 extra field instead (4.5.3)
_UNIX = 3  # "version made by": external attributes are those of Unix (4.4.2)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as it lies in the source: `start` to `end` is its local header, data and descriptor."""

    name: str
    raw_name: bytes
    info: zipfile.ZipInfo
    central: bytes
    start: int
    end: int
    data: int


@dataclass(frozen=True, slots=True)
class _Packed:
    """Deflated data of a part that was written."""

    data: bytes
    crc: int
    size: int


class Archive:
    """The entries of a zip file, by name, in their order. Raises DocumentError for anything that is not sound."""

    def __init__(self, content: bytes, limits: Limits = DEFAULT) -> None:
        self._content = content
        self._limits = limits
        self._comment, self._entries = _read_directory(content, limits)
        self._written: dict[str, bytes | _Packed] = {}
        self._removed: set[str] = set()
        self._folded = {name.casefold(): name for name in self._entries}

    def names(self) -> list[str]:
        """Return the names of the files (folders left out), the source's order first, then the added ones."""
        kept = [n for n in self._entries if n not in self._removed and not n.endswith("/")]
        return kept + [n for n in self._written if n not in self._entries]

    def find(self, name: str) -> str | None:
        """Return the entry's own spelling of `name` (part names compare without case, OPC 6.2.2.2), or None."""
        if name in self._written:
            return name
        found = name if name in self._entries else self._folded.get(name.casefold())
        return None if found is None or found in self._removed else found

    def size(self, name: str) -> int:
        """Return the declared inflated size of `name` in bytes."""
        written = self._written.get(name)
        if isinstance(written, _Packed):
            return written.size
        return len(written) if written is not None else self._entries[name].info.file_size

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the inflated content of `name` in pieces of at most 256 KiB; DocumentError when it is damaged."""
        written = self._written.get(name)
        if isinstance(written, bytes):
            yield written
            return
        if isinstance(written, _Packed):
            yield from _inflate(memoryview(written.data), 8, written.size)
            return
        entry = self._entries[name]
        info = entry.info
        raw = memoryview(self._content)[entry.data : entry.data + info.compress_size]
        crc = size = 0
        for chunk in _inflate(raw, info.compress_type, info.file_size):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            yield chunk
        if size != info.file_size or crc != info.CRC:
            raise DocumentError(f"The file is damaged: the checksum of {name!r} is wrong.", hint=_REPAIR)

    @property
    def start(self) -> int:
        """Where the first entry begins, in bytes: more than 0 when something stands before the archive."""
        return min((entry.start for entry in self._entries.values()), default=0)

    def verify(self) -> None:
        """Inflate every entry once, holding none; raises DocumentError for the first that is damaged or lies."""
        for name in self._entries:
            for _ in self.chunks(name):
                pass

    def read(self, name: str) -> bytes:
        """Return the inflated content of `name`."""
        return b"".join(self.chunks(name))

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Replace or add an entry; an iterable is deflated as it comes, so that a big part is held only once."""
        if isinstance(data, bytes) and len(data) < _BIG:
            self._written[name] = data
        else:
            self._written[name] = _deflate([data] if isinstance(data, (bytes, bytearray)) else data, _LEVEL_BIG)
        self._removed.discard(name)

    def remove(self, name: str) -> None:
        """Leave the entry out when saving."""
        self._written.pop(name, None)
        self._removed.add(name)

    @property
    def changed(self) -> bool:
        """True when saving would give other bytes than the source."""
        return bool(self._written) or any(name in self._entries for name in self._removed)

    def save(self) -> bytes:
        """Return the archive: untouched entries byte for byte, the same bytes for the same edits."""
        if not self.changed:
            return self._content
        out = io.BytesIO()
        out.write(self._content[: self.start])
        directory = [self._put(out, entry) for entry in self._entries.values() if entry.name not in self._removed]
        directory += [self._put_new(out, name) for name in self._written if name not in self._entries]
        start = out.tell()
        out.write(b"".join(directory))
        size = out.tell() - start
        count = len(directory)
        out.write(_END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, len(self._comment)) + self._comment)
        return out.getvalue()

    def _put(self, out: io.BytesIO, entry: _Entry) -> bytes:
        offset = out.tell()
        written = self._written.get(entry.name)
        if written is None:
            out.write(memoryview(self._content)[entry.start : entry.end])
            return _moved(entry, offset)
        fields = struct.unpack_from("<2H", self._content, entry.start + 10)
        flags = entry.info.flag_bits & _UTF8
        stored = entry.info.compress_type == 0
        made = _made(entry.central)
        return _new_entry(out, entry.raw_name, written, flags, fields, stored=stored, made=made)

    def _put_new(self, out: io.BytesIO, name: str) -> bytes:
        flags = 0 if name.isascii() else _UTF8
        return _new_entry(out, name.encode(), self._written[name], flags, _FIXED_TIME, stored=False, made=(20, 0))


_REPAIR = "Open it in Office, let it repair the file and save it again."


_Directory = tuple[bytes, dict[str, _Entry]]
_KEPT = 8 << 20  # bytes of a file whose directory is kept: it is asked for twice, to tell the kind and to read
_last: tuple[bytes, Limits, _Directory] | None = None


def _read_directory(content: bytes, limits: Limits) -> _Directory:
    """Return the archive's comment and entries; for the same bytes object as last time without reading them again."""
    global _last
    last = _last
    if last is not None and last[0] is content and last[1] is limits:
        return last[2]
    zipped = _directory(content, limits)
    found = zipped.comment, _entries(content, zipped, limits)
    _last = (content, limits, found) if len(content) <= _KEPT else None
    return found


def _directory(content: bytes, limits: Limits) -> zipfile.ZipFile:
    _check_end(content, limits)
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError) as error:
        message = "The file is damaged or cut off: its zip directory can't be read."
        raise DocumentError(message, hint="Get the file again from where it came.", code="broken") from error


def _check_end(content: bytes, limits: Limits) -> None:
    """Look at the end record (APPNOTE 4.3.16) before the directory is read: reading a million records takes long."""
    at = content.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(content):
        return  # zipfile says that there is no directory
    *_, size, _start, comment = _END.unpack_from(content, at)
    if size == 0xFFFFFFFF and (wide := content.rfind(b"PK\x06\x06", 0, at)) >= 0 and wide + 48 <= len(content):
        (size,) = struct.unpack_from("<Q", content, wide + 40)
    if min(size, len(content)) > limits.entries * (_CENTRAL.size + 256):
        raise DocumentError(f"The file has more parts than the {limits.entries:,} that are read.", code="too_large")
    if content[at + _END.size + comment :].strip(b"\0\r\n\t "):
        raise DocumentError("The file goes on after the end of its archive: it may be two files in one.", code="unsafe")


def _entries(content: bytes, zipped: zipfile.ZipFile, limits: Limits) -> dict[str, _Entry]:
    infos = zipped.infolist()
    _check_totals(content, infos, limits)
    entries: dict[str, _Entry] = {}
    seen: set[str] = set()
    starts = sorted({i.header_offset for i in infos} | {zipped.start_dir})
    after = dict(pairwise(starts))
    if content[:4] == b"PK\x03\x04" and starts[0] > 0:
        # The first part of a longer archive that was cut: the directory found is that of a file inside it.
        raise DocumentError("The file is cut off; only a file embedded in it is whole.", hint=_REPAIR, code="broken")
    if content.count(b"PK\x05\x06", zipped.start_dir) > 1:
        raise DocumentError("The file has two directories: programs would see different content.", code="unsafe")
    for info, (central, raw_name) in zip(infos, _central_records(content, zipped.start_dir, len(infos)), strict=True):
        name = _checked_name(info, limits)
        folded = unicodedata.normalize("NFC", name.casefold()) if not name.isascii() else name.casefold()
        if folded in seen:
            raise DocumentError(f"The file holds {name!r} twice, which hides content.", code="unsafe")
        seen.add(folded)
        end = after.get(info.header_offset, info.header_offset)
        data = _data_start(content, info, name, raw_name)
        entry = _Entry(name, raw_name, info, central, info.header_offset, end, data)
        _check(entry, limits)
        entries[name] = entry
    if len(starts) <= len(infos):
        raise DocumentError("Entries of the file share their bytes (a zip bomb?).", code="unsafe")
    return entries


def _check_totals(content: bytes, infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.entries:
        raise DocumentError(
            f"The file has {len(infos):,} parts; at most {limits.entries:,} are read.", code="too_large"
        )
    total = sum(i.file_size for i in infos)
    if total > limits.total or (total > limits.total_ratio_from and total > limits.total_ratio * max(len(content), 1)):
        raise DocumentError("The file would take too much memory when unpacked (a zip bomb?).", code="too_large")


def _central_records(content: bytes, start: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(count):
        if content[start : start + 4] != b"PK\x01\x02":
            raise DocumentError("The file is damaged: its zip directory is broken.", hint=_REPAIR)
        name, extra, comment = struct.unpack_from("<3H", content, start + 28)
        end = start + _CENTRAL.size + name + extra + comment
        yield content[start:end], content[start + _CENTRAL.size : start + _CENTRAL.size + name]
        start = end


def _checked_name(info: zipfile.ZipInfo, limits: Limits) -> str:
    name = info.filename.replace("\\", "/")
    if _is_unsafe(name) or ("%" in name and _is_unsafe(unquote(name))) or "\0" in info.orig_filename:
        raise DocumentError(f"The file holds an entry with an unsafe name: {name[:200]!r}.", code="unsafe")
    if len(name) > limits.name:
        raise DocumentError(f"The file holds an entry with a name of {len(name):,} characters.", code="too_large")
    mode = info.external_attr >> 16
    if info.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "symbolic link" if stat.S_ISLNK(mode) else "device or pipe"
        raise DocumentError(f"The file holds a {what}: {name!r}.", code="unsafe")
    return name


def _is_unsafe(name: str) -> bool:
    """Whether a name leads out of the folder that it would be unpacked to, on any system."""
    return not name or name.startswith("/") or ":" in name or ".." in name.split("/") or "\0" in name


def _data_start(content: bytes, info: zipfile.ZipInfo, name: str, raw_name: bytes) -> int:
    """Return where the data of an entry begins; its local header must say the same as the directory (4.3.7, 4.3.12)."""
    if (
        len(content) < info.header_offset + _LOCAL.size
        or content[info.header_offset : info.header_offset + 4] != b"PK\x03\x04"
    ):
        raise DocumentError(f"The file is damaged: the entry {name!r} can't be found in it.", hint=_REPAIR)
    local = _LOCAL.unpack_from(content, info.header_offset)
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = local
    start = info.header_offset + _LOCAL.size
    same = content[start : start + name_length] == raw_name and method == info.compress_type
    same = same and (flags ^ info.flag_bits) & _ENCRYPTED == 0
    if not flags & _DESCRIPTOR and packed != _WIDE and size != _WIDE:
        same = same and (crc, packed, size) == (info.CRC, info.compress_size, info.file_size)
    if not same:
        raise DocumentError(f"The file says two things about its entry {name!r}, which hides content.", code="unsafe")
    return int(start + name_length + extra_length)


def _check(entry: _Entry, limits: Limits) -> None:
    info = entry.info
    if info.flag_bits & _ENCRYPTED:
        raise DocumentError("The file is encrypted.", hint="Save it without a password.", code="encrypted")
    if info.compress_type not in (0, 8):
        message = f"The part {entry.name!r} is compressed by a method that Office does not use."
        raise DocumentError(message, code="unsupported")
    if entry.data + info.compress_size > entry.end:
        raise DocumentError("The file is damaged: entries overlap or are cut off.", hint=_REPAIR, code="broken")
    if info.file_size > limits.part:
        raise DocumentError(f"The part {entry.name!r} is too large to open.", code="too_large")
    if info.file_size > limits.ratio_from and info.file_size > limits.ratio * max(info.compress_size, 1):
        raise DocumentError(f"The part {entry.name!r} is packed suspiciously small (a zip bomb?).", code="too_large")


def _inflate(raw: memoryview, method: int, limit: int) -> Iterator[bytes]:
    if method == 0:
        yield from (bytes(raw[i : i + _CHUNK]) for i in range(0, len(raw), _CHUNK))
        return
    inflater = zlib.decompressobj(-15)
    made = 0
    try:
        for i in range(0, len(raw), _CHUNK):
            feed: bytes | memoryview = raw[i : i + _CHUNK]
            while feed and not inflater.eof:
                chunk = inflater.decompress(feed, _CHUNK)
                feed = inflater.unconsumed_tail
                made += len(chunk)
                if made > limit:
                    raise DocumentError("A part is larger than the file says (a zip bomb?).", code="unsafe")
                yield chunk
        yield from _rest(inflater, limit - made)
    except zlib.error as error:
        raise DocumentError("The file is damaged: a part can't be unpacked.", hint=_REPAIR) from error


def _rest(inflater: zlib._Decompress, allowed: int) -> Iterator[bytes]:
    """Yield what the inflater still holds back after the last input, at most `allowed` + 1 bytes."""
    while chunk := inflater.decompress(b"", min(allowed + 1, _CHUNK)):
        allowed -= len(chunk)
        if allowed < 0:
            raise DocumentError("A part is larger than the file says (a zip bomb?).", code="unsafe")
        yield chunk


def _deflate(chunks: Iterable[bytes], level: int = 6) -> _Packed:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = bytearray()
    crc = size = 0
    for chunk in chunks:
        crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        packed += deflater.compress(chunk)
    packed += deflater.flush()
    return _Packed(bytes(packed), crc, size)


def _made(central: bytes) -> tuple[int, int]:
    """Return "version made by" and the external attributes of a central record."""
    return struct.unpack_from("<H", central, 4)[0], struct.unpack_from("<I", central, 38)[0]


def _moved(entry: _Entry, offset: int) -> bytes:
    """Return the central record of an entry that now lies at `offset`; sizes fit 32 bits, so zip64 goes."""
    fields = list(_CENTRAL.unpack_from(entry.central))
    tail = entry.central[_CENTRAL.size :]
    name_length, extra_length = fields[10], fields[11]
    extra = _without_zip64(tail[name_length : name_length + extra_length])
    fields[8], fields[9], fields[11] = entry.info.compress_size, entry.info.file_size, len(extra)
    fields[16] = offset
    return _CENTRAL.pack(*fields) + tail[:name_length] + extra + tail[name_length + extra_length :]


def _without_zip64(extra: bytes) -> bytes:
    kept = b""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind != 1:
            kept += extra[: 4 + length]
        extra = extra[4 + length :]
    return kept + extra


def _new_entry(
    out: io.BytesIO,
    name: bytes,
    written: bytes | _Packed,
    flags: int,
    time: tuple[int, ...],
    *,
    stored: bool,
    made: tuple[int, int],
) -> bytes:
    offset = out.tell()
    if stored and isinstance(written, bytes):
        method, packed = 0, _Packed(written, zlib.crc32(written), len(written))
    else:
        method, packed = 8, written if isinstance(written, _Packed) else _deflate([written])
    common = (20, flags, method, time[0], time[1], packed.crc, len(packed.data), packed.size, len(name))
    out.write(_LOCAL.pack(b"PK\x03\x04", *common, 0) + name)
    out.write(packed.data)
    return _CENTRAL.pack(b"PK\x01\x02", made[0], *common, 0, 0, 0, 0, made[1], offset) + name
