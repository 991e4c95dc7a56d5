"""What every record holds, and what is said where something is missing."""

import json

import pytest

from benchmarks import record


def test_a_record_is_on_disk_after_every_part(tmp_path, capsys):
    file = tmp_path / "x.json"
    options = record.parsed(record.parser("x", "What.", 3), ["--out", str(file)])
    kept = record.begin("x", ["--out", str(file), "--calls", "3"], options, frames=16)
    for name in ("first", "second"):
        kept.add(name, {"seconds": 1.0, "runs": [1.0]})
        found = json.loads(file.read_text())
        assert name in found["results"]
    assert set(record.FIELDS) < set(found)
    assert found["frames"] == 16
    assert found["command"] == "python -m infer benchmark x --out DIR --calls 3"
    assert {"processor", "cores", "memory", "load_average", "python"} <= set(found["machine"])
    assert {"jax", "flax", "numpy"} <= set(found["versions"])
    assert 'second: {"seconds": 1.0}' in capsys.readouterr().out


def test_a_rehearsal_writes_nothing_by_itself(monkeypatch):
    monkeypatch.delenv("JAX_DISABLE_MOST_OPTIMIZATIONS", raising=False)
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "0")
    options = record.parsed(record.parser("x", "What.", 3), ["--rehearse"])
    assert record.begin("x", [], options).path is None
    options.rehearse = False
    assert record.begin("x", [], options).path == record.HERE / "x.json"


def test_what_is_not_installed_is_said_in_one_line(capsys):
    assert record.lacking(("json", "no_such_library")) == ["no_such_library"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no_such_library not installed: ours is measured alone")
    assert line.endswith("pip install json no_such_library")
    assert record.lacking(("json",)) == []


def test_a_busy_machine_is_said(monkeypatch, capsys):
    monkeypatch.setattr(record, "machine", lambda: {"load_average": [3.5, 1, 1]})
    record.Record("x", [], None)
    assert "busy (load 3.5)" in capsys.readouterr().err
    monkeypatch.setattr(record, "machine", lambda: {"load_average": [0.5, 1, 1]})
    record.Record("x", [], None)
    assert capsys.readouterr().err == ""


def test_no_calls_are_refused():
    with pytest.raises(ValueError, match="calls: 0"):
        record.parsed(record.parser("x", "What.", 3), ["--calls", "0"])
