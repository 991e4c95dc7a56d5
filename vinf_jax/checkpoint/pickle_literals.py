"""The bytes of a pickle: its literals, each of a bounded size, and nothing that acts."""

import struct
from io import BytesIO
from typing import Any, no_type_check

MAX_BYTES = 2**26
MAX_INTEGER = 64  # bytes
MAX_NAME = 256  # bytes of a module or class

CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
INTEGERS = {b"\x8a": "<B", b"\x8b": "<i"}
TEXTS = {b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q"}
LATIN_TEXTS = {b"U": "<B", b"T": "<i"}  # what Python 2 called str
BLOCKS = {b"C": "<B", b"B": "<I", b"\x8e": "<Q", b"\x96": "<Q"}
COUNTED = INTEGERS | TEXTS | LATIN_TEXTS | BLOCKS  # opcode to the form of the length before it
OPCODES = CONSTANTS.keys() | NUMBERS.keys() | COUNTED.keys()


@no_type_check  # shape checks at run time would cost more than the work, once per opcode
class Literals:
    """Reads a pickle's parts from where `stream` stands.

    Every method raises ValueError for parts that end too early or claim too much.
    """

    def __init__(self, stream: BytesIO) -> None:
        self.stream = stream

    def literal(self, code: bytes) -> Any:
        """The constant, number, text or block that one of OPCODES announces."""
        if code in CONSTANTS:
            return CONSTANTS[code]
        if code in NUMBERS:
            return self.number(NUMBERS[code])
        size = self.number(COUNTED[code])
        if code in INTEGERS and size > MAX_INTEGER:
            raise ValueError(f"its pickle has an integer of {size} bytes, above {MAX_INTEGER}")
        data = self.take(size)
        if code in INTEGERS:
            return int.from_bytes(data, "little", signed=True)
        if code in BLOCKS:
            return data
        return _text(data, "latin-1" if code in LATIN_TEXTS else "utf-8")

    def number(self, form: str) -> Any:
        """One number in struct's notation."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """A name up to the end of its line."""
        line = self.stream.readline(MAX_NAME + 1)
        if not line.endswith(b"\n"):
            raise ValueError(f"its pickle ends inside a name, or has one above {MAX_NAME} bytes")
        return _text(line[:-1], "utf-8")

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if not 0 <= size <= MAX_BYTES:
            raise ValueError(f"its pickle claims {size} bytes in one piece, above {MAX_BYTES}")
        data = self.stream.read(size)
        if len(data) < size:
            raise ValueError("its pickle ends too early")
        return data


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("its pickle is damaged: a text is no UTF-8") from None
