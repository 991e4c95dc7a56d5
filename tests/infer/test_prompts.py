"""Prompts from the command line and from files."""

import json

import pytest

from infer.prompts import asked, parse_range, read_file


def test_ranges_are_half_open_pairs():
    assert parse_range("0:96") == (0, 96)
    assert parse_range(" 96 : 192 ") == (96, 192)


@pytest.mark.parametrize("text", ["0-96", "96", "a:b", "0:96:2", "-1:5", ""])
def test_other_texts_are_no_range(text):
    with pytest.raises(ValueError, match="START:STOP"):
        parse_range(text)


FILES = {
    "bare.txt": ("# a walk\n\na red square\n  a blue disc  \n", None),
    "ranged.txt": ("0:3 a red square\n3:9: a blue disc\n", ((0, 3), (3, 9))),
    "list.json": (json.dumps(["a red square", "a blue disc"]), None),
    "object.json": (
        json.dumps({"prompts": ["a red square", "a blue disc"], "ranges": [[0, 3], [3, 9]]}),
        ((0, 3), (3, 9)),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_read(tmp_path, name):
    text, ranges = FILES[name]
    (tmp_path / name).write_text(text)
    assert read_file(tmp_path / name) == (("a red square", "a blue disc"), ranges)
    assert asked([], tmp_path / name, None) == ([], ["a red square", "a blue disc"], ranges)


def test_a_mark_of_the_byte_order_is_no_part_of_a_prompt(tmp_path):
    for name, text in (("a.txt", "0:3 a red square"), ("a.json", '["a red square"]')):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read_file(tmp_path / name)[0] == ("a red square",)


def test_a_file_that_is_too_long_is_not_read(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 2**22 + "ä")
    with pytest.raises(ValueError, match=r"a\.txt has over 4194304 bytes"):
        read_file(tmp_path / "a.txt")


BROKEN = {
    "empty.txt": ("\n# nothing\n", "holds no prompt"),
    "empty.json": ("[]", "holds no prompt"),
    "mixed.txt": ("0:3 a red square\na blue disc", r"\('a blue disc'\); give every line one"),
    "cut.json": ('{"prompts": ["a', "is no JSON"),
    "deep.json": ("[" * 100_000, "is no JSON"),
    "other.json": ('{"texts": ["a"]}', "should hold"),
    "numbers.json": ("[1, 2]", "should hold"),
    "pairs.json": ('{"prompts": ["a"], "ranges": [[0]]}', "should hold"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_named(tmp_path, name):
    text, said = BROKEN[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"prompts-file: .*{name}.*{said}"):
        read_file(tmp_path / name)


def test_bytes_are_not_text(tmp_path):
    (tmp_path / "clip.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as text"):
        read_file(tmp_path / "clip.txt")


def test_a_file_replaces_the_flags(tmp_path):
    (tmp_path / "a.txt").write_text("0:3 a red square")
    assert "takes the place" in asked(["a blue disc"], tmp_path / "a.txt", None)[0][0]
    assert "takes the place" in asked([], tmp_path / "a.txt", ["0:3"])[0][0]
    assert asked(["a blue disc"], None, ["0:3"]) == ([], ["a blue disc"], ((0, 3),))
