"""Files that nobody honest would write, damaged or made up, and a watch over their reading."""

import io
import json
import random
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.checkpoint.torch_files import (
    NEWER,
    STORAGES,
    Called,
    Named,
    Opcodes,
    Parameter,
    Pickled,
    Viewed,
    state_dict,
    write_legacy,
    write_zip,
)
from vinf_jax.checkpoint.safetensors_file import write_safetensors

ACTS = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pickle.", "exec", "compile")
WRITES = ("w", "a", "x", "+")
_open_watches: list[list[str]] = []


@contextmanager
def watch() -> Iterator[list[str]]:
    """Collects what the interpreter does beside computing: programs, sockets, imports, writing."""
    acts: list[str] = []
    _open_watches.append(acts)
    try:
        yield acts
    finally:
        _open_watches.remove(acts)


def _audit(event: str, args: tuple) -> None:
    if not _open_watches:
        return
    writing = event == "open" and isinstance(args[1], str) and set(args[1]) & set(WRITES)
    if writing or event == "import" or event.startswith(ACTS):
        _open_watches[-1].append(event)


sys.addaudithook(_audit)

TREE = {
    "state_dict": state_dict(
        {str(kind): np.ones((2, 3)).astype(kind) for kind in (*STORAGES, *NEWER)}
    ),
    "epoch": 3,
    "callbacks": [Called(Named("os", "system"), ("exit 1",)), {"best": 2.5}],
}
BASE = np.arange(24, dtype=np.float32)
VIEWS = {
    "turned": Viewed(BASE, 0, (4, 6), (1, 4)),
    "part": Parameter(Viewed(BASE, 2, (3, 2), (8, 3))),
    "scalar": BASE[:1].reshape(()),
    "empty": np.zeros((0, 3), np.float16),
}


def honest(folder: Path) -> dict[str, bytes]:
    """A few small files of every form, by name; they are written to `folder`."""
    write_zip(folder / "zip", TREE)
    write_zip(folder / "zip_views", VIEWS)
    write_legacy(folder / "legacy", TREE)
    write_legacy(folder / "legacy_views", VIEWS)
    arrays = {"a.weight": BASE.reshape(4, 6), "b": np.ones(3, np.int8), "c": np.zeros((0, 2))}
    write_safetensors(folder / "safetensors", arrays, {"format": "pt"})
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def damaged(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """`data` with a few bytes changed, cut out, doubled, put in from elsewhere, or at its end."""
    start = draw.randrange(len(data))
    end = min(len(data), start + 1 + int(draw.expovariate(1 / 30)))
    match draw.randrange(8):
        case 0 | 1 | 2:
            return _flipped(data, draw, range(len(data)))
        case 3:
            return _flipped(data, draw, range(max(0, len(data) - 400), len(data)))
        case 4:
            return data[:start]
        case 5:
            return data[:start] + data[end:]
        case 6:
            return data[:end] + data[start:]
    place = draw.randrange(len(other))
    return data[:start] + other[place : place + end - start] + data[end:]


def _flipped(data: bytes, draw: random.Random, places: range) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        place = draw.choice(places)
        odd = (0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256), changed[place] ^ 1 << draw.randrange(8))
        changed[place] = draw.choice(odd)
    return bytes(changed)


def archive(
    entries: list[tuple[str, bytes]], offsets: dict[str, int] | None = None, *, wide: bool = False
) -> bytes:
    """An uncompressed zip archive; `offsets` displaces records in the list alone.

    wide: with the fields of 64 bits that files above 4 GiB have.
    """
    out, listed, unknown = io.BytesIO(), [], 0xFFFFFFFF
    for name, data in entries:
        place, size = (offsets or {}).get(name, out.tell()), len(data)
        checksum, raw = zlib.crc32(data), name.encode()
        near = struct.pack("<LLLHH", checksum, size, size, len(raw), 0)
        out.write(b"PK\x03\x04" + bytes(10) + near + raw + data)
        extra = struct.pack("<HHQQQ", 1, 24, size, size, place) if wide else b""
        sizes = (unknown, unknown) if wide else (size, size)
        far = struct.pack("<LLLHH", checksum, *sizes, len(raw), len(extra))
        rest = struct.pack("<HHHLL", 0, 0, 0, 0, unknown if wide else place)
        listed.append(b"PK\x01\x02" + bytes(12) + far + rest + raw + extra)
    directory = b"".join(listed)
    return out.getvalue() + directory + _end(len(listed), len(directory), out.tell(), wide)


def _end(count: int, size: int, start: int, wide: bool) -> bytes:
    if not wide:
        return b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, size, start, 0)
    end = struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, start + size, 1)
    narrow = struct.pack("<HHHHLLH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return b"PK\x06\x06" + end + locator + b"PK\x05\x06" + narrow


def around(pickle: bytes) -> bytes:
    """An archive whose data.pkl is `pickle`, with one storage of 96 bytes beside it."""
    return archive([("archive/data.pkl", pickle), ("archive/data/0", BASE.tobytes())])


def safetensors(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    """A safetensors file with a header of any kind."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 24, 25, -1, 2**31, 2**63, 10**30]) | st.integers(
    -2, 30
)
NAMES = st.sampled_from(
    [
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch", "Size"),
        ("torch", "FloatStorage"),
        ("torch", "bfloat16"),
        ("torch.storage", "UntypedStorage"),
        ("collections", "OrderedDict"),
        ("os", "system"),
        ("builtins", "eval"),
        ("numpy._core.multiarray", "scalar"),
    ]
).map(lambda pair: Named(*pair))
PLAIN = st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=6) | NAMES
PARTS = st.sampled_from(
    [bytes([code]) for code in b"N0124()]}tlaesuRbQ.\x85\x86\x87\x88\x89\x81\x90\x91\x92\x93\x94"]
    + [b"K\x01", b"h\x00", b"q\x00", b"h\x01", b"q\x01", b"J\xff\xff\xff\xff", b"X\x01\0\0\0a"]
    + [Pickled(("storage", Named("torch", "FloatStorage"), "0", "cpu", 24)).data[2:-1] + b"Q"]
    + [Pickled(Named(*pair)).data[2:-1] for pair in [("os", "system"), ("torch", "Size")]]
    + [Pickled(Named("torch._utils", "_rebuild_tensor_v2")).data[2:-1]]
)


def _views(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """Views of BASE; with small numbers they all lie inside it."""
    axes = st.lists(st.tuples(numbers, numbers), max_size=2)
    views = st.builds(
        lambda offset, axes: Viewed(BASE, offset, *(zip(*axes, strict=True) if axes else ((), ()))),
        numbers,
        axes,
    )
    return views | views.map(Parameter)


def trees() -> st.SearchStrategy[Any]:
    """Saved objects: good tensors, some that may reach anywhere, calls of anything, programs."""
    good = st.dictionaries(st.text("ab.", max_size=3), _views(st.integers(0, 3)), min_size=1)
    programs = st.lists(PARTS, max_size=12).map(lambda parts: Opcodes(b"".join(parts)))

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        calls = st.builds(
            Called, NAMES, st.lists(inner, max_size=4).map(tuple), state=st.none() | inner
        )
        keys = st.sampled_from(["state_dict", "module", "x", "y", ""])
        return calls | st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)

    anything = st.recursive(PLAIN | _views(NUMBERS) | programs, deeper, max_leaves=8)
    spoilt = st.builds(lambda tensors, odd: {**tensors, "odd": odd}, good, anything)
    inside = st.builds(state_dict, good | spoilt)
    wrapped = st.builds(
        lambda key, tensors, beside: {key: tensors, "beside": beside},
        st.sampled_from(["state_dict", "module"]),
        inside,
        anything,
    )
    return st.one_of(inside, wrapped, good, anything)


@st.composite
def safetensors_files(draw: st.DrawFn) -> bytes:
    """Good files, half of them with one part of the header, or the length, put wrong."""
    header, end = {}, 0
    for name in draw(st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)):
        dtype, size = draw(st.sampled_from([("F32", 4), ("BF16", 2), ("U8", 1), ("F64", 8)]))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        begin, end = end, end + size * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    data = bytes(end)
    if draw(st.booleans()):
        return safetensors(header, data)
    odd = st.recursive(
        st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )
    name, field = draw(st.sampled_from(sorted(header))), draw(st.sampled_from(PLACES))
    if field == "length":
        return safetensors(header, data, draw(st.integers(0, 300) | st.integers(0, 2**64 - 1)))
    wrong = draw(st.lists(NUMBERS, max_size=3) | odd)
    spoilt = {**header[name], field: wrong} if field in header[name] else wrong
    return safetensors(header | {(name if field != "__metadata__" else field): spoilt}, data)


PLACES = ("dtype", "shape", "data_offsets", "entry", "__metadata__", "length")


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A whole file of any form, made of the parts above."""
    if draw(st.integers(0, 3)) == 0:
        return draw(safetensors_files())
    pickle = Pickled(draw(trees())).data
    names = st.sampled_from(["data.pkl", "byteorder", "code/x.py", "data/1", "data/0", "version"])
    names = names.map("archive/{}".format)
    entries = [("archive/data.pkl", pickle), ("archive/data/0", BASE.tobytes())]
    if draw(st.booleans()):
        if draw(st.integers(0, 3)):
            return archive(entries, wide=draw(st.booleans()))
        extra = draw(st.dictionaries(names, st.binary(max_size=8), max_size=1))
        moved = draw(st.dictionaries(names, st.integers(0, 300), max_size=1))
        return archive([*entries, *extra.items()], moved, wide=draw(st.booleans()))
    facts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    opening = b"".join(Pickled(fact).data for fact in facts)
    keys = draw(st.sampled_from([["0"]] * 3 + [[], ["1"], ["0", "0"], ["0", "1"]]))
    return opening + pickle + Pickled(keys).data + struct.pack("<q", 24) + BASE.tobytes()


def compressed(data: bytes) -> bytes:
    """The same archive, packed as other programs do."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as plain, zipfile.ZipFile(out, "w", 8) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    return out.getvalue()
