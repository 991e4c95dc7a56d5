"""The page says what the records say."""

import json

import pytest

from benchmarks import plot, rows, table
from benchmarks.record import HERE


def spread(median):
    return {"median": median, "range": [0.9 * median, 1.1 * median]}


PAIRED = {
    "sizes": {"frames": 48},
    "seconds": {side: spread(n + 1.0) for n, side in enumerate(("ours", "eager"))},
    "ratios": {"ours/eager": spread(0.5)},
}
CLIPS = {
    "sizes": {"frames": 48},
    "seconds": {"split": spread(1.05), "unsplit": spread(1.0)},
    "ratios": {"split/unsplit": spread(1.05)},
}
RESULTS = {
    "networks": {"reduced": PAIRED, "text": {"seconds": {"ours": spread(0.0123)}, "ratios": {}}},
    "layers": {
        "2x2": PAIRED | {"gigaflops_per_second": {"ours": 50.0}},
        "4x4": PAIRED | {"gigaflops_per_second": {"ours": 200.0}},
    },
    "clips": {"2 devices": CLIPS},
    "frames": {
        f"{n} frames": {
            "sizes": {"frames": n},
            "seconds_per_frame": 0.02,
            "peak_anonymous_bytes": 2**30,
        }
        for n in (24, 96)
    },
    "start": {
        "help": spread(0.3),
        "compile reduced": {
            "trace": spread(2.0),
            "compile": spread(6.0),
            "peak_anonymous_bytes": spread(1),
        },
    },
    "video": {
        "video": {"frames_per_second": {"denoise": 1.0, "decode": 9.0, "write": 99.0, "total": 0.9}}
    },
    "cheaper": {
        "50 steps": {
            "beside": "50 steps",
            "seconds": spread(8.0),
            "ratio": spread(1.0),
            "psnr": None,
            "prompts": 8,
            "followed": 7,
        },
        "8 steps": {
            "beside": "50 steps",
            "seconds": spread(2.0),
            "ratio": spread(0.25),
            "psnr": 27.31,
            "prompts": 8,
            "followed": 6,
        },
    },
    "pvdm_networks": {
        "encode": {
            "what": "clips to latents",
            "seconds": {"ours": spread(1.0), "theirs": spread(2.0)},
            "ratios": {"ours/theirs": spread(0.5)},
        }
    },
    "gpu": {
        "clip": {
            "what": "a step",
            "device": "H200",
            "step_seconds": spread(0.09),
            "share_of_790": 0.53,
        },
        "long": {
            "what": "long",
            "step_seconds": spread(9.0),
            "job_seconds": 290.0,
            "extrapolated": True,
        },
        "eager": {"what": "beside", "guided": PAIRED},
        "whole": {"what": "whole", "left_out": "time"},
    },
}
MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "python": "3.12",
    "load_average": [0.2, 0.1, 0.1],
}


def recorded(name, **machine):
    return {
        "command": f"python -m infer benchmark {name}",
        "date": "2026-11-23",
        "machine": MACHINE | machine,
        "versions": {"jax": "0.10.2"},
        "results": RESULTS[name],
    }


def test_the_page_agrees_with_the_records():
    page = (HERE / "README.md").read_text()
    tables = table.text(table.read(HERE), (HERE / "scaling.png").is_file())
    assert table.placed(page, tables) == page, "run python -m infer benchmark table"


@pytest.mark.parametrize("name", table.PROGRAMS)
def test_every_record_has_rows(name):
    lines = table.text({name: recorded(name)}, False).splitlines()
    made = list(rows.OF[name](RESULTS[name]))
    assert made
    assert all(f"| {' | '.join(row)} |" in lines for row in made)
    assert f"| `{name}.json` | `python -m infer benchmark {name}` | 2026-11-23 |" in "\n".join(
        lines
    )
    assert "a processor, 2 cores, Python 3.12 |" in "\n".join(lines)


def test_rows_say_ratio_and_goal():
    first, second = rows.OF["networks"](RESULTS["networks"])
    assert first[1:] == ("1 s", "PyTorch: 2 s", "0.50 (0.45 to 0.55)", "0.60")
    assert second == ("text encoder, one prompt", "12.3 ms", "", "", "")
    (clip,) = rows.OF["clips"](RESULTS["clips"])
    assert clip == (
        "48 frames, 2 devices",
        "1.05 s",
        "one device: 1 s",
        "1.05 (0.95 to 1.16)",
        "1.10",
    )
    (eight,) = rows.OF["cheaper"](RESULTS["cheaper"])
    assert eight == (
        "a small model's clip: 8 steps",
        "2 s, 27.3 dB, 6 of 8 prompts",
        "50 steps: 8 s, 7 of 8 prompts",
        "0.25 (0.23 to 0.28)",
        "",
    )
    said = [row[1] for row in rows.OF["gpu"](RESULTS["gpu"])]
    assert said[:3] == ["90 ms a step, 53 % of 790 TFLOP/s", "9 s a step", "290 s (extrapolated)"]
    (slowest, *_) = rows.OF["layers"](RESULTS["layers"])
    assert slowest[0].endswith("2 sizes: 2x2")


def test_a_busy_machine_is_named():
    lines = table.text({"clips": recorded("clips", load_average=[2.5, 1, 1])}, False)
    assert "**busy: load 2.5**" in lines
    assert "busy" not in table.text({"clips": recorded("clips")}, False)


def test_a_record_without_a_field_is_refused(tmp_path):
    found = recorded("clips")
    del found["machine"]
    (tmp_path / "clips.json").write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"clips\.json: it lacks machine; measure again"):
        table.read(tmp_path)


def test_what_is_missing_is_not_drawn(tmp_path):
    assert plot.draw({"frames": recorded("frames")}, tmp_path / "x.png") is None


def test_the_plot_is_drawn(tmp_path):
    records = {name: recorded(name) for name in ("frames", "clips")}
    assert plot.draw(records, tmp_path / "x.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("value", "said"), [(7.0, "7 s"), (0.2644, "0.264 s"), (0.0123, "12.3 ms"), (3e-7, "0.3 µs")]
)
def test_seconds(value, said):
    assert rows.seconds(value) == said
