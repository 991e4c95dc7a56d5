"""Weight files that cost a reader as much as the limits allow, or would without them."""

import struct
from collections.abc import Callable

from tests.checkpoint.hostile import archive, around, safetensors
from vinf_jax.checkpoint.pickle_machine import MAX_STEPS

HALF = MAX_STEPS // 2 - 10
TEXT = b"X\xff\x00\x00\x00" + b"a" * 255
ORDERED = b"ccollections\nOrderedDict\n"


def _pickle(*parts: bytes) -> bytes:
    return around(b"\x80\x04" + b"".join(parts) + b".")


def _records() -> bytes:
    """An archive of 60,000 empty records."""
    return archive([("archive/data.pkl", b"}."), *((str(n), b"") for n in range(60_000))])


OVERSIZED: dict[str, Callable[[], bytes]] = {
    "lists": lambda: _pickle(b"]" * 2 * HALF),
    "dictionaries, kept": lambda: _pickle(b"}\x94" * HALF),
    "open marks": lambda: _pickle(b"(" * 2 * HALF),
    "integers of 64 bytes": lambda: _pickle((b"\x8a\x40" + b"\x7f" * 64) * 900_000),
    "names of 510 characters": lambda: _pickle(TEXT, b"\x94", b"h\0h\0\x93" * (2 * HALF // 3)),
    "a list in a list in a list": lambda: _pickle(b"]" * HALF + b"a" * (HALF - 1)),
    "a tuple in a tuple in a tuple": lambda: _pickle(b")" + b"\x85" * 2 * HALF),
    "tuples doubled, as a key": lambda: _pickle(b"})" + b"2\x86" * (HALF - 10) + b"Ns"),
    "a list read again and again": lambda: _pickle(
        b"](" + b"](NNe" * 200_000 + b"e\x94", (ORDERED + b"h\0\x85R0") * 100
    ),
    "one long text": lambda: _pickle(b"X\xf0\xff\xff\x03" + b"a" * 0x3FFFFF0),
    "one long text of wide letters": lambda: _pickle(
        b"X\x00\x00\xf0\x03" + b"a" * 0x3EFFFFC + "\U0001f600".encode()
    ),
    "equal long keys": lambda: _pickle(
        b"}", b"X\xff\x0f\0\0" + b"a" * 4095 + b"\x94Ns", b"h\0Ns" * (2 * HALF // 4)
    ),
    "integers of two gigabytes": lambda: _pickle(b"\x8b\xff\xff\xff\x7f"),
    "steps without end": lambda: _pickle(b"N0" * 20 * HALF),
    "many records": _records,
    "a header of lists": lambda: safetensors(b'{"a":[' + b"[]," * 1_900_000 + b"[]]}"),
    "a header of dictionaries": lambda: safetensors(b'{"a":[' + b"{}," * 1_900_000 + b"{}]}"),
    "a header of lists, above its limit": lambda: safetensors(b'{"a":[' + b"[]," * 30_000_000),
    "a header of one number": lambda: safetensors(b'{"a":' + b"1" * 90_000_000 + b"}"),
    "a header of one fraction": lambda: safetensors(b'{"a":0.' + b"1" * 90_000_000 + b"}"),
    "a header of brackets": lambda: safetensors(b'{"a":' + b"[" * 3_900_000),
    "a header of one name": lambda: safetensors(b'{"' + b"a" * 90_000_000 + b'":1}'),
    "a legacy file of lists": lambda: b"\x80\x02" + b"]" * 2 * HALF + b".",
    "a legacy file of nothing": lambda: b"\x80" + bytes(2**27),
    "a storage of exabytes": lambda: _pickle(
        b"}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n",
        b"X\1\0\0\0" + b"0X\3\0\0\0cpu\x8a\x08" + struct.pack("<q", 2**62) + b"tQK\0(",
        b"\x8a\x08" + struct.pack("<q", 2**62) + b"t(K\1tN}tRs",
    ),
}
