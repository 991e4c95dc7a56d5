"""The records of an uncompressed zip archive: where each one's bytes lie in the file.

Python's zipfile serves archives of any kind; this reads what torch writes, maps instead of
reading, and refuses an archive that says two things about the same bytes.
Format: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3.
"""

import struct
from mmap import mmap
from typing import NamedTuple

MAX_RECORDS = 2**18
MAX_DIRECTORY = 2**26  # bytes

END, END_64, LOCATOR_64, ENTRY, RECORD = (
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"PK\x01\x02",
    b"PK\x03\x04",
)
UNKNOWN = 0xFFFFFFFF  # the size or offset stands in the zip64 field
ENCRYPTED = 1


class Record(NamedTuple):
    """Bytes start to start + size of the file; its header begins at `header`."""

    header: int
    start: int
    size: int


def records(file: mmap) -> dict[str, Record]:
    """Every record by name.

    Raises:
        ValueError: no end of an archive (cut off), compressed, encrypted, doubled, overlapping or
            displaced records, or more of them than any checkpoint has.
    """
    count, start, size, limit = _directory(file)
    if size > MAX_DIRECTORY or count > MAX_RECORDS:
        raise ValueError(f"its archive claims {count} records, listed in {size} bytes")
    if start + size > limit:
        raise ValueError("its archive's list of records lies outside the file; is it cut off?")
    found: dict[str, Record] = {}
    directory, place = file[start : start + size], 0
    for _ in range(count):
        name, record, place = _entry(file, directory, place, start)
        if name in found:
            raise ValueError(f"its archive holds {name[:80]!r} twice")
        found[name] = record
    _refuse_overlaps(found, start)
    return found


def _directory(file: mmap) -> tuple[int, int, int, int]:
    """(number of entries, start, size in bytes, first byte behind) of the list of records."""
    end = file.rfind(END, max(0, len(file) - 2**16 - 22))
    if end < 0 or end + 22 > len(file):
        raise ValueError("its archive has no end; is it cut off?")
    count, size, start, comment = struct.unpack_from("<HLLH", file, end + 10)
    if end + 22 + comment != len(file):
        raise ValueError("its archive does not end where it says; is it cut off?")
    locator = end - 20
    if locator < 0 or file[locator : locator + 4] != LOCATOR_64:
        return count, start, size, end
    (place,) = struct.unpack_from("<Q", file, locator + 8)
    if place + 56 > locator or file[place : place + 4] != END_64:
        raise ValueError("its archive's 64-bit end is not where it says")
    count, size, start = struct.unpack_from("<QQQ", file, place + 32)
    return count, start, size, place


def _entry(file: mmap, directory: bytes, place: int, limit: int) -> tuple[str, Record, int]:
    """Name, record and the place of the next entry."""
    if directory[place : place + 4] != ENTRY or place + 46 > len(directory):
        raise ValueError("its archive's list of records is damaged")
    flags, method = struct.unpack_from("<HH", directory, place + 8)
    packed, size, name_size, extra_size, comment = struct.unpack_from(
        "<LLHHH", directory, place + 20
    )
    (header,) = struct.unpack_from("<L", directory, place + 42)
    middle = place + 46 + name_size
    raw, extra = directory[place + 46 : middle], directory[middle : middle + extra_size]
    size, packed, header = _wide(extra, [size, packed, header])
    name = _name(raw)
    if method or flags & ENCRYPTED or packed != size:
        raise ValueError(
            f"its record {name[:80]!r} is compressed or encrypted, which torch never does; "
            "it was packed by another program: unpack it and save it with torch again"
        )
    start = _start(file, header, raw, limit)
    if start + size > limit:
        raise ValueError(f"its record {name[:80]!r} reaches into the list of records")
    return name, Record(header, start, size), middle + extra_size + comment


def _wide(extra: bytes, fields: list[int]) -> list[int]:
    """The fields with those of 64 bits taken from an entry's extra field 1."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            data = extra[place + 4 : place + 4 + size]
            wide = iter([n for (n,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8])])
            return [next(wide, n) if n == UNKNOWN else n for n in fields]
        place += 4 + size
    return fields


def _name(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"its record {raw[:80]!r} has a name that is no UTF-8") from None


def _start(file: mmap, header: int, raw: bytes, limit: int) -> int:
    """Where the bytes of a record begin: both lengths are those of its own header."""
    if header + 30 > limit or file[header : header + 4] != RECORD:
        raise ValueError(f"its record {raw[:80]!r} is not where the archive says")
    name_size, extra_size = struct.unpack_from("<HH", file, header + 26)
    if file[header + 30 : header + 30 + name_size] != raw:
        raise ValueError(f"its record {raw[:80]!r} has two names")
    return header + 30 + name_size + extra_size


def _refuse_overlaps(found: dict[str, Record], limit: int) -> None:
    last, behind = "", 0
    for name, record in sorted(found.items(), key=lambda item: item[1].header):
        if record.header < behind:
            raise ValueError(f"its records {last[:80]!r} and {name[:80]!r} overlap")
        last, behind = name, record.start + record.size
