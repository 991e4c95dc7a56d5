"""Comparisons of methods: what is made, what is not made again, and what is left."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from infer import compare, compare_measures, gallery
from infer.methods import method, methods
from vinf_jax.media.captions import parse
from vinf_jax.media.sprites import clip
from vinf_jax.programs import spoken

SETTINGS = {"fps": 8, "clip_frames": 8, "crossfade": 4, "steps": 25, "wave": 0}


class Painter:
    """Draws its prompts; preset "independent" another scene in every clip, "still" one frame."""

    settings = SimpleNamespace(
        clip_frames=8, to_dict=lambda: SETTINGS | {"scope": {"preset": "base"}}
    )

    def __init__(self):
        self.made, self.stop = [], None

    def stream(self, prompts, *, scope, frames, **how):
        if scope["preset"] == "unknown":
            raise ValueError("no preset is called 'unknown'")

    def generate(self, prompts, *, scope, frames, seed, on_step, **how):
        if len(self.made) == self.stop:
            raise KeyboardInterrupt
        on_step(SimpleNamespace(stage="denoise", step=0, steps=1))
        self.made.append((scope["preset"], prompts[0], seed, frames))
        facts, how = parse(prompts[0]), {"height": 32, "width": 32}
        if scope["preset"] == "independent":
            parts = [clip(facts, seed=(seed, n), frames=8, **how) for n in range(frames // 8)]
            return np.concatenate(parts)
        video = clip(facts, seed=seed, frames=frames, **how)
        return video[:1].repeat(frames, 0) if scope["preset"] == "still" else video


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("infer.record.digest", lambda folder: "0" * 64)
    out = tmp_path / "compare"

    def go(model, *words):
        monkeypatch.setattr(compare, "loaded", lambda options, devices, troubles: model)
        argv = [*map(str, words), "--features", "none", "--window", "8", "--out", str(out)]
        status = spoken(compare.main, argv)
        said = capsys.readouterr()
        return status, out, said.out + said.err

    return go


SMALL = ("--methods", "base", "independent", "--frames", 24, "--prompts", 2, "--seeds", 1)


def test_every_method_prompt_and_seed_is_made_and_measured(run):
    model = Painter()
    status, out, table = run(model, *SMALL)
    assert status == 0, table
    assert [made[0] for made in model.made] == ["base", "independent"] * 2
    record = json.loads((out / "results.json").read_text())
    seams = record["lengths"]["24"]["differences"]["independent"]["measures"]["seams"]
    assert record["against"] == "base" and seams["mean"] > 1
    assert "| independent | 2 |" in (out / "table.md").read_text()
    assert (out / "strips-24.png").stat().st_size > 1000
    run_record = json.loads((out / "24/independent/001-seed0.json").read_text())
    assert run_record["joins"] == [8, 16] and run_record["settings"]["scope"]["preset"]
    assert run_record["scale"] == 8 and run_record["prompts"][0]["stop"] == 24


def test_a_finished_video_is_never_made_again_and_more_may_be_added(run):
    model = Painter()
    model.stop = 3
    status, out, said = run(model, *SMALL)
    assert status == 130 and "the same command goes on" in said
    model.stop = None
    assert run(model, *SMALL)[0] == 0 and len(model.made) == 4
    before = (out / "24/base/000-seed0.mp4").stat().st_mtime_ns
    more = (*SMALL[:-4], "--prompts", 2, "--seeds", 2)
    assert run(model, *more)[0] == 0
    assert len(model.made) == len(set(model.made)) == 8
    assert (out / "24/base/000-seed0.mp4").stat().st_mtime_ns == before


def test_measures_are_kept_and_taken_again_only_where_need_be(run, monkeypatch):
    assert run(Painter(), *SMALL)[0] == 0
    count, true = [], compare_measures.measured
    monkeypatch.setattr(compare_measures, "measured", lambda *a: count.append(1) or true(*a))
    assert run(None)[0] == 0, "tables alone need no model"
    assert not count
    monkeypatch.setattr(compare_measures, "VERSION", 0)
    assert run(None)[0] == 0 and len(count) == 4


def test_other_settings_do_not_mix(run):
    assert run(Painter(), *SMALL)[0] == 0
    status, _, said = run(Painter(), *SMALL, "--steps", 5)
    assert status == 2 and "was made with steps None, and 5 is asked for" in said
    status, _, said = run(Painter(), "--methods", "base=still", *SMALL[3:])
    assert status == 2 and "scope {'preset': 'base'}" in said


def test_everything_that_does_not_fit_is_said_at_once(run):
    words = ("--methods", "base", "base", "x:y", "--seeds", 0, "--scope", "base")
    status, _, said = run(Painter(), *words, "--prompts", 2)
    assert status == 2
    for part in ("'x:y' cannot be", "base stands more", "seeds: 0", "scope: it is part"):
        assert part in said
    status, out, said = run(Painter(), "--methods", "unknown", *SMALL[3:])
    assert status == 2 and "unknown, 24 frames: no preset is called" in said and not out.exists()
    status, _, said = run(None)
    assert status == 2 and "there is no folder" in said


def test_methods_are_presets_with_fields_and_names():
    assert method("reference").scope_for(64, 16) == {"preset": "reference", "ranks": 4}
    assert method("reference:ranks=8").scope_for(64, 16)["ranks"] == 8
    far = method("far=video_infinity:local=0,spread=32,steps=5,phase=null,mode=soft")
    assert far.name == "far" and far.sampling == {"steps": 5}
    fields = {"local": 0, "spread": 32, "phase": None, "mode": "soft"}
    assert far.scope == {"preset": "video_infinity"} | fields
    assert method("video_infinity:local=4").name == "video_infinity_local=4"
    assert methods(["a", "b:"])[0] == [] and "a: stands" not in str(methods(["a", "a"]))
    assert "a stands more than once" in methods(["a", "c=a", "a"])[0][0]
    assert method("x=base:decode-tile=4,norm-clip=8").sampling == {"decode_tile": 4}
    lists = method("cuts:frames=[1,2],spread=3").scope
    assert lists == {"preset": "cuts", "frames": [1, 2], "spread": 3}


def test_the_gallery_shows_every_video_with_its_scores_and_nothing_from_elsewhere(run, capsys):
    _, out, _ = run(Painter(), *SMALL)
    assert spoken(gallery.main, [str(out), "--title", "a <b>"]) == 0
    page = (out / "index.html").read_text()
    assert page.count("<video") == 4 and page.count('class="case"') == 2
    assert 'src="24/independent/001-seed0.mp4"' in page and 'poster="24/base/000-seed0.png"' in page
    assert page.count("<dt>seams</dt>") == 4 and "a &lt;b&gt;" in page
    assert page.count('class="following"') == page.count('class="drift"') == 4
    assert "strips-24.png" in page and "<th>without motion</th>" in page
    assert "://" not in page and str(out) not in page, "nothing but what lies beside it"
    assert spoken(gallery.main, [str(out)]) == 2 and "--force" in capsys.readouterr().err
    assert spoken(gallery.main, [str(out), "--force"]) == 0
    assert spoken(gallery.main, [str(out / "no")]) == 2
