"""The tree of names as text."""

from convert.picture import picture

SHAPES = {
    "stem.weight": (4, 3),
    "stem.bias": (4,),
    **{f"blocks.{n}.{part}.weight": (2, 2) for n in range(11) for part in ("q", "k", "v")},
    "blocks.11.q.weight": (9,),
    "scale": (),
}


def test_picture():
    assert picture(SHAPES) == [
        "├─ stem      2 tensors, 16",
        "├─ blocks    34 tensors, 141",
        "│  ├─ 0..10  11 x 3 tensors, 12",
        "│  │  ├─ q   4",
        "│  │  ├─ k   4",
        "│  │  └─ v   4",
        "│  └─ 11     9",
        "└─ scale     1",
    ]
    assert picture(SHAPES, depth=1)[1] == "├─ blocks  34 tensors, 141"


def test_only_neighbours_that_are_alike_stand_together():
    lines = picture({f"{n}.weight": (n // 9 + 1,) for n in (10, 1, 0, 9, 3)}, depth=1)
    assert lines == ["├─ 0..1   2 x 1", "├─ 3      1", "└─ 9..10  2 x 2"]


def test_names_are_shown_not_obeyed():
    (line,) = picture({"a\x1b[2J": (2,)})
    assert "\x1b" not in line and "x1b" in line


def test_long_names_are_cut():
    lines = picture({"a" * 100_000: (2,)} | {f"b{n}": (1,) for n in range(100)})
    assert max(map(len, lines)) < 150
