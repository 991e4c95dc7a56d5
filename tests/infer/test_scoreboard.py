"""Tables of many videos, and distances of their windows, whose right figures are known."""

import numpy as np
import pytest

from infer import scoreboard, window_distances
from infer.feature_networks import Looking
from infer.scoreboard import Board, Scored, markdown, rows, rows_of_all
from tests.tolerances import FP64
from vinf_jax.metrics.moments import Moments, mixed

CELLS = [(f"prompt {p}", seed) for p in range(6) for seed in range(3)]


def videos(method, shift=0.0, frames=64, cells=CELLS, **more):
    """Figures that scatter by prompt, the same for all methods but for a shift."""
    noise = np.random.default_rng(0).standard_normal(len(CELLS))
    return [
        Scored(method, frames, cell, {"seams": 2 + noise[CELLS.index(cell)] + shift} | more)
        for cell in cells
    ]


def found(*groups, against="reference", **how):
    return Board([video for group in groups for video in group], against, **how).record()


def test_pairs_tell_apart_what_means_do_not():
    record = found(videos("reference"), videos("ours", -0.1))["lengths"]["64"]
    one, other = (record["methods"][name]["measures"]["seams"] for name in ("reference", "ours"))
    assert one["low"] < other["mean"] < one["high"], "the intervals of the means overlap"
    apart = record["differences"]["ours"]["measures"]["seams"]
    assert [apart[name] for name in ("mean", "low", "high")] == pytest.approx([-0.1] * 3, abs=FP64)
    assert apart["verdict"] == "better" and record["differences"].keys() == {"ours"}


@pytest.mark.parametrize(
    ("shift", "figure", "verdict"),
    [(0.1, "seams", "worse"), (0, "seams", "same"), (0.1, "total", "better"), (9, "motion", None)],
)
def test_verdicts_know_what_is_better(shift, figure, verdict):
    values = [{figure: float(n)} for n in range(18)]
    one = [Scored("a", 64, cell, value) for cell, value in zip(CELLS, values, strict=True)]
    other = [Scored("b", 64, v.cell, {figure: v.figures[figure] + shift}) for v in one]
    record = found(one, other, against="a")["lengths"]["64"]
    assert record["differences"]["b"]["measures"][figure]["verdict"] == verdict


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [(0.8, 0.9, "same"), (0.8, 1.1, "worse"), (1.1, 0.8, "better"), (1.2, 1.1, "better")],
)
def test_joins_that_do_not_show_are_as_good_as_can_be(one, other, verdict):
    values = one, other
    told = [[Scored(str(v), 64, cell, {"seams": v}) for cell in CELLS] for v in values]
    record = found(*told, against=str(one))["lengths"]["64"]
    assert record["differences"][str(other)]["measures"]["seams"]["verdict"] == verdict


def test_few_prompts_have_no_verdict():
    record = found(videos("reference"), videos("ours", 1, cells=CELLS[:15]))["lengths"]["64"]
    assert "verdict" not in record["differences"]["ours"]["measures"]["seams"]


def test_only_prompts_and_seeds_of_both_are_compared():
    record = found(videos("reference"), videos("ours", 1, cells=CELLS[:7]))["lengths"]["64"]
    assert record["methods"]["ours"]["videos"] == 7 and record["methods"]["ours"]["prompts"] == 3
    assert record["differences"]["ours"]["videos"] == 7
    assert record["differences"]["ours"]["measures"]["seams"]["mean"] == pytest.approx(1)
    assert not found(videos("ours", cells=CELLS[:2]))["lengths"]["64"]["differences"]


def test_two_videos_of_one_prompt_and_seed_both_count():
    record = found(videos("reference"), videos("ours", 1), videos("ours", 3))["lengths"]["64"]
    assert record["methods"]["ours"]["videos"] == 2 * len(CELLS)
    assert record["differences"]["ours"]["videos"] == len(CELLS)
    assert record["methods"]["ours"]["prompts"] == record["methods"]["reference"]["prompts"]


def test_what_one_video_lacks_has_no_mean():
    several = [*videos("ours", drift=0.5, cells=CELLS[:3]), *videos("ours", cells=CELLS[3:])]
    measures = found(several)["lengths"]["64"]["methods"]["ours"]["measures"]
    assert set(measures) == {"seams"}


def test_tables_hold_every_length_and_difference():
    ours = videos("ours", -0.1, drift=0.5), videos("ours", frames=8)
    record = found(videos("reference"), *ours)
    head, body = rows(record, "64")
    assert head == ("method", "videos", "seams", "drift") and len(body) == 2
    assert body[0][:2] == ("reference", "18") and body[0][3] == "-"
    head, body = rows_of_all(record)
    assert head == ("frames", "method", "videos", "seams", "drift")
    assert [row[:2] for row in body] == [("8", "ours"), ("64", "reference"), ("64", "ours")]
    assert {len(row) for row in body} == {5}, "one set of columns, whatever a length lacks"
    text = markdown(record)
    assert text.index("## 8 frames") < text.index("## 64 frames")
    assert "| minus reference | pairs |" in text and "-0.10 [-0.10, -0.10] better" in text
    assert "less is better: seams, drift." in text, "what was not measured is not spoken of"
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    widths = [{line.count("|") for line in table} for table in tables]
    assert widths == [{4}, {5}, {4}], "no column where nothing was measured"


def seen(clips):
    """Stands in for a network: mean colours."""
    return clips.astype(np.float32).mean((1, 2, 3)) / 255


LOOKING = Looking("plain distance", "mean colours", "none", 2, seen)


def spread(seed, n=40):
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4, 3), np.uint8)


def real(clips):
    rows = window_distances.features(LOOKING, iter(clips))
    parts = {window_distances.EVERY: Moments.of(rows)}
    return window_distances.Real(LOOKING, 3, (4, 4), "these", parts)


def test_features_come_in_equal_batches():
    counts = []
    counted = LOOKING._replace(of=lambda clips: counts.append(len(clips)) or seen(clips))
    assert window_distances.features(counted, iter(spread(0, 11))) == pytest.approx(
        seen(spread(0, 11))
    )
    assert counts == [8, 8]
    with pytest.raises(ValueError, match="no video has so many frames"):
        window_distances.features(LOOKING, iter([]))


def test_windows_of_real_clips_are_not_far_from_them():
    clips = spread(0)
    parts = [Moments.of(seen(clips[n : n + 10])) for n in range(0, 40, 10)]
    darker = [Moments.of(seen(clips[n : n + 10] // 2)) for n in range(0, 40, 10)]
    near, far = (real(clips).distance(each, [("x",)] * 4) for each in (parts, darker))
    assert abs(near) < 1e-6 < 0.1 < far


def test_real_clips_count_as_often_as_the_videos_of_their_prompts():
    rows = {"a": seen(spread(0)), "b": seen(spread(1) // 2)}
    drawn = window_distances.Real(
        LOOKING, 3, (4, 4), "", {text: Moments.of(part) for text, part in rows.items()}
    )
    videos = [Moments.of(rows["a"]), Moments.of(rows["b"]), Moments.of(rows["b"])]
    prompts = [("a",), ("b",), ("b",)]
    assert abs(drawn.distance(videos, prompts)) < 1e-6, "two of three videos are of b"
    assert abs(drawn.distance(videos, prompts, np.array([1.0, 0, 0]))) < 1e-6
    swapped = [("b",), ("a",), ("a",)]
    assert drawn.distance(videos, swapped) > 0.01
    both = [Moments.of(np.concatenate([rows["a"], rows["b"]]))]
    assert abs(drawn.distance(both, [("a", "b")])) < 1e-6


def test_weights_count_videos_as_if_they_stood_there_so_often():
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((n, 3)) + 50 for n in (5, 2, 7)]
    both = mixed([Moments.of(rows) for rows in sets], [2, 0, 1])
    straight = Moments.of(np.concatenate([sets[0], sets[0], sets[2]]))
    assert both.count == 17 and np.allclose(both.mean, straight.mean, atol=FP64)
    assert np.allclose(both.scatter, straight.scatter, atol=FP64)
    with pytest.raises(ValueError, match="2 for 3 parts"):
        mixed([Moments.of(rows) for rows in sets], [1, 1])


def test_distances_stand_in_the_table_with_pairs_compared(monkeypatch):
    monkeypatch.setattr(scoreboard, "DISTANCE_DRAWS", 5)
    clips, groups = spread(0, 36), {"reference": 3, "ours": 1}
    several = [
        Scored(name, 64, cell, {}, Moments.of(seen(clips[2 * n : 2 * n + 2] // share)), ("x",))
        for name, share in groups.items()
        for n, cell in enumerate(CELLS)
    ]
    record = Board(several, "reference", real(clips)).record()["lengths"]["64"]
    ours = record["methods"]["ours"]["measures"]["distance"]
    assert abs(ours["mean"]) < 1e-6 and ours["low"] <= ours["mean"] <= ours["high"]
    assert record["differences"]["ours"]["measures"]["distance"]["verdict"] == "better"


def test_real_sprites_are_the_same_for_the_same_prompts(monkeypatch):
    monkeypatch.setattr(window_distances, "OF_A_PROMPT", 2)
    prompts = ["a red square moves right over a plain gray background"]
    one, other = (window_distances.real_sprites(LOOKING, prompts, 4, 8, (16, 16)) for _ in range(2))
    same, again = (each.parts[prompts[0]] for each in (one, other))
    assert same.count == 2 and np.array_equal(same.mean, again.mean)
    with pytest.raises(ValueError, match="16x20 pixels; leave out --real"):
        window_distances.real_files(LOOKING, None, 4, (16, 20))
