"""Comparisons of methods: what is made, what is not made again, and what is left."""

import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from infer import compare, compare_making, compare_measures, compare_strips, gallery
from infer.films import films
from infer.methods import method, methods
from tests.infer.test_films import RED, left, painted
from vinf_jax.media.captions import parse
from vinf_jax.media.sprites import clip
from vinf_jax.programs import ours, spoken
from vinf_jax.systems.video_infinity.prompts import even_ranges

SETTINGS = {"fps": 8, "clip_frames": 8, "crossfade": 4, "steps": 25, "wave": 0}


class Painter:
    """Draws its prompts; preset "independent" another scene in every clip, "still" one frame."""

    settings = SimpleNamespace(
        clip_frames=8, to_dict=lambda: SETTINGS | {"scope": {"preset": "base"}}
    )

    def __init__(self):
        self.made, self.calls, self.stop = [], [], None

    def begin(self, prompts, *, scope, frames, cuts="none", crossfade=4, fps=8, **how):
        if scope["preset"] == "unknown":
            raise ValueError("no preset is called 'unknown'")
        ranges = even_ranges(len(prompts), frames)
        cut = [start for start, _ in ranges[1:]] if cuts == "prompts" else []
        about = {"ranges": ranges, "crossfade": 0 if cut else crossfade, "cuts": cut}
        size = {"fps": fps, "height": 32, "width": 32}
        return SimpleNamespace(request=SimpleNamespace(**about, **size))

    def generate(self, prompts, *, scope, frames, seed, on_step, **how):
        if len(self.made) == self.stop:
            raise KeyboardInterrupt
        on_step(SimpleNamespace(stage="denoise", step=0, steps=1))
        self.made.append((scope["preset"], *prompts, seed, frames))
        facts, how = parse(prompts[0]), {"height": 32, "width": 32}
        if len(prompts) > 1:
            each = {"frames": frames // len(prompts), **how}
            return np.concatenate([clip(parse(text), seed=seed, **each) for text in prompts])
        if scope["preset"] == "independent":
            parts = [clip(facts, seed=(seed, n), frames=8, **how) for n in range(frames // 8)]
            return np.concatenate(parts)
        video = clip(facts, seed=seed, frames=frames, **how)
        return video[:1].repeat(frames, 0) if scope["preset"] == "still" else video

    def generate_many(self, videos, **how):
        self.calls.append(len(videos))
        return [self.generate(list(prompts), seed=seed, **how) for prompts, seed in videos]


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("infer.record.digest", lambda folder: "0" * 64)
    out = tmp_path / "compare"

    def go(model, *words, last=()):
        monkeypatch.setattr(compare, "loaded", lambda options, devices, troubles: model)
        own = ("--features", "none", "--window", "8", "--out", out)
        argv = [str(word) for word in (*words, *own, *last)]
        status = spoken(compare.main, argv)
        said = capsys.readouterr()
        return status, out, said.out + said.err * (status != 0)

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


def test_several_videos_in_one_call_are_the_same_files(run, tmp_path):
    """Of one method and length each, of equal number; files and measures by another process."""
    three = (*SMALL[:-3], 3, "--seeds", 1)
    _, out, alone = run(Painter(), *three)
    before = {path: path.read_bytes() for path in out.rglob("*.npz")}
    out.rename(tmp_path / "alone")
    model = Painter()
    status, out, table = run(model, *three, "--together", 50, "--workers", 1)
    assert status == 0 and model.calls == [2, 1, 2, 1] and table == alone
    assert {path: path.read_bytes() for path in out.rglob("*.npz")} == before
    assert not any(path.name.startswith("tmp") for path in out.rglob("*"))


def test_videos_alone_and_then_tables_write_what_is_missing(run):
    status, out, said = run(Painter(), *SMALL, "--no-mp4", "--no-tables")
    assert status == 0 and "|" not in said and not (out / "results.json").exists()
    assert len(list(out.rglob("*.measures.json"))) == 4 and not list(out.rglob("*.mp4"))
    status, _, table = run(None, "--no-mp4")
    assert status == 0 and "| independent | 2 |" in table and not list(out.rglob("*.mp4"))
    assert run(None)[2] == table and len(list(out.rglob("*.mp4"))) == 4


def test_tables_need_measures_and_not_the_frames(run, monkeypatch):
    _, out, table = run(Painter(), *SMALL)
    for path in [*out.rglob("001*.npz"), *out.rglob("001*.mp4")]:
        path.unlink()
    status, _, again = run(None)
    assert status == 0 and again == table
    monkeypatch.setattr(compare_measures, "VERSION", 0)
    status, _, said = run(None)
    assert status == 2 and "001-seed0.mp4: its frames are not here" in said


def test_scenes_are_stories_of_unlike_prompts_and_changes_are_measured(run):
    words = ("--methods", "cut=base:cuts=prompts", "base:crossfade=0", "faded=base")
    how = ("--frames", 32, "--prompts", 6, "--seeds", 1, "--scenes", 2)
    status, out, table = run(Painter(), *words, *how)
    assert status == 0 and "in time" in table
    record = json.loads((out / "32/cut/003-seed0.json").read_text())
    assert record["settings"]["cuts"] == [16] and record["settings"]["crossfade"] == 0
    first, second = (parse(span["text"]) for span in record["prompts"])
    assert first.colour != second.colour and first.shape != second.shape
    methods = json.loads((out / "results.json").read_text())["lengths"]["32"]["methods"]
    assert methods["cut"]["measures"]["late"]["mean"] == 0
    assert methods["base_crossfade=0"]["measures"]["in time"]["mean"] == 1
    assert "late" not in methods["faded"]["measures"], "a cross-fade has no first frame"
    status, _, said = run(Painter(), *words, *how[:2], "--prompts", 1, "--scenes", 2)
    assert status == 2 and "no prompt is unlike" in said


@pytest.mark.parametrize("name", ["results.json", "table.md", "strips-24.png"])
def test_tables_of_others_are_not_replaced(run, tmp_path, name):
    mine = tmp_path / "compare" / name
    mine.parent.mkdir()
    mine.write_text('{"mine": 1}')
    model = Painter()
    status, _, said = run(model, *SMALL)
    assert status == 2 and f"{name} exists, and no comparison wrote it" in said
    assert mine.read_text() == '{"mine": 1}' and not model.made
    assert run(model, *SMALL[:5], "--prompts", 1, "--seeds", 1, "--no-tables")[0] == 0


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
    words = ("--methods", "base", "base", "x:y", "--seeds", 0, "--scope", "base", "--workers", -1)
    status, _, said = run(Painter(), *words, "--prompts", 2)
    assert status == 2
    for part in (
        "'x:y' cannot be",
        "base stands more",
        "seeds: 0",
        "scope: it is part",
        "workers: -1",
    ):
        assert part in said
    status, out, said = run(Painter(), "--methods", "unknown", *SMALL[3:])
    assert status == 2 and "unknown, 24 frames: no preset is called" in said and not out.exists()
    status, _, said = run(None)
    assert status == 2 and "there is no folder" in said


def test_methods_are_presets_with_fields_and_names():
    settings = SimpleNamespace(clip_frames=16, scope={"preset": "video_infinity", "local": 3})
    of_four = {"preset": "reference", "ranks": 4}
    assert method("reference").scope_for(64, settings) == of_four
    assert method("reference:ranks=8").scope_for(64, settings)["ranks"] == 8
    assert method("own").scope_for(64, settings) == settings.scope
    assert method("o=own:spread=2").scope_for(64, settings) == settings.scope | {"spread": 2}
    paper = {"preset": "video_infinity"}
    assert method("video_infinity").scope_for(64, settings) == paper
    far = method("far=video_infinity:local=0,spread=32,steps=5,phase=null,mode=soft")
    assert far.name == "far" and far.sampling == {"steps": 5}
    fields = {"local": 0, "spread": 32, "phase": None, "mode": "soft"}
    assert far.scope == {"preset": "video_infinity"} | fields
    assert method("video_infinity:local=4").name == "video_infinity_local=4"
    assert methods(["a", "b:"])[0] == [] and "a: stands" not in str(methods(["a", "a"]))
    assert "a stands more than once" in methods(["a", "c=a", "a"])[0][0]
    assert method("x=base:decode-tile=4,norm-clip=8").sampling == {"decode_tile": 4}
    assert method("own:cuts=32,64,steps=5").sampling == {"cuts": [32, 64], "steps": 5}
    assert method("own:cuts=32").sampling == method("own:cuts=[32]").sampling == {"cuts": [32]}
    assert method("own:cuts=prompts,reuse=2").sampling["cuts"] == "prompts"
    assert method("own:guidance-steps=0.2:0.8").sampling == {"guidance_steps": [0.2, 0.8]}
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "notes.txt"), "notes.txt is a file, not a folder"),
        (("--against", "nobody"), "against: nobody, but there are base, independent; give one"),
        (("--real", "notes.txt"), "real: notes.txt is a file; give a folder of videos"),
        (("--features", ".", "--workers", 1), "features: {} is no checkpoint"),
        (("--prompts-file", "story.txt"), "prompts-file: story.txt gives ranges, but here"),
        (("--window", 1), "window: 1 frames; give 4 or more"),
        (("--fps", 5000), "base, 24 frames: the video cannot be encoded: fps is 5000"),
    ],
)
def test_mistakes_are_said_before_a_video_is_made(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "story.txt").write_text("0:12 a red circle rests\n12:24 a blue cross rests")
    model = Painter()
    status, _, message = run(model, *SMALL, last=words)
    assert status == 2 and said.format(tmp_path) in message and not model.made


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("own:local=abc", "local is 'abc'; give a whole number"),
        ("own:fps=nan", "fps is 'nan'; give a finite number"),
        ("own:fps=Infinity", "fps is inf; give a finite number"),
        ("own:guidance=[1]", "guidance is [1]; give a finite number"),
        ("own:karras=1,steps=true", "karras is 1; give true or false, steps is True; give a whole"),
        ("own:sampler=5", "sampler is 5; give a name"),
        ("own:cuts=a", "cuts: 'a'; give frame numbers such as 32,64"),
    ],
)
def test_values_of_a_method_are_those_of_the_flags(method, said):
    (trouble,), found = methods([method])
    assert trouble.startswith(f"methods: {method!r}: {said}") and not found


def test_seeds_and_clips_that_are_none_are_refused(run):
    model = Painter()
    status, _, said = run(model, *SMALL, "--seed", -1)
    assert status == 2 and "'-1'; give a whole number from 0" in said
    model.begin = refuse_clips
    status, _, said = run(model, *SMALL, "--clips", 0)
    assert status == 2 and "clips: 0" in said and not model.made


def refuse_clips(prompts, *, clips, **how):
    raise ValueError(f"clips: {clips}")


@pytest.mark.parametrize("name", ["000-seed0.json", "000-seed0.measures.json", "000-seed0.npz"])
def test_damaged_files_beside_videos_are_named(run, name):
    _, out, _ = run(Painter(), *SMALL)
    path = out / "24/base" / name
    path.write_bytes(path.read_bytes()[:20])
    if path.suffix == ".npz":
        path.with_suffix(".measures.json").unlink()
    for again in (SMALL, ()):
        status, _, said = run(Painter(), *again)
        assert status == 2 and str(path) in said
    if path.suffix != ".npz":
        assert spoken(gallery.main, [str(out)]) == 2


def test_a_damaged_table_is_named(run, capsys):
    _, out, _ = run(Painter(), *SMALL)
    for text, said in (('{"lengths"', "is no JSON"), ("{}", "holds no comparison")):
        (out / "results.json").write_text(text)
        assert spoken(gallery.main, [str(out)]) == 2
        assert f"{out / 'results.json'} {said}" in capsys.readouterr().err


def test_a_method_that_is_there_already_may_be_compared_with(run):
    assert run(Painter(), *SMALL)[0] == 0
    words = ("--methods", "still", *SMALL[3:], "--against", "base")
    assert run(Painter(), *words)[0] == 0


@pytest.fixture
def pool(monkeypatch):
    """Threads in place of the processes that write and measure."""
    apart = lambda workers, *how: ThreadPoolExecutor(workers)  # noqa: E731
    monkeypatch.setattr(compare_making, "ProcessPoolExecutor", apart)
    options = SimpleNamespace(features="none")

    def finishing(finish):
        monkeypatch.setattr(compare_making, "_finish_apart", finish)
        return compare_making.finishing(2, options)

    return finishing


def test_a_video_that_cannot_be_written_stops_the_making(pool):
    def full(run, frames, record):
        raise OSError("the disk is full")

    made = []
    with pytest.raises(OSError, match="the disk is full"), pool(full) as finish:
        for n in range(100):
            made.append(n)
            finish(n, None, None)
    assert len(made) <= 2 * compare_making.AHEAD + 1


def test_what_a_worker_says_is_one_message(pool):
    said = pytest.raises(ValueError, match=r"a\.npz holds no frames")
    with said as caught, pool(lambda *given: ValueError("a.npz holds no frames")) as finish:
        finish(None, None, None)
    assert ours(caught.value)


def test_videos_of_two_sizes_have_no_common_picture(tmp_path):
    for side in (16, 32):
        left(tmp_path / f"{side}.mp4", painted(RED, side=side), method=str(side), exact=False)
    assert compare_strips.strips(films(tmp_path)) is None


def test_features_of_another_window_never_stay_beside_measures(tmp_path, monkeypatch):
    film = left(tmp_path / "a.mp4", painted(RED))
    monkeypatch.setattr(compare_measures, "measured", lambda *_: {"frames": 16})
    ruler = SimpleNamespace(through="n", scored=lambda *given: given)
    ruler.features = lambda film, frames: np.zeros((2, 3))
    compare_measures.scored(film, ruler, 16)
    monkeypatch.setattr(compare_measures, "write_json", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare_measures.scored(film, ruler, 8)
    assert compare_measures.measures_of(film.path) is None


def stopped(*given):
    raise KeyboardInterrupt


def test_a_killed_worker_is_one_message():
    said = pytest.raises(ValueError, match=r"workers: .* died.*goes on.*fewer --workers")
    options = SimpleNamespace(features="none")
    with said, compare_making.finishing(1, options) as finish:
        for child in multiprocessing.active_children():
            child.kill()
        for _ in range(100):
            finish(None, None, None)


def test_videos_do_not_pile_up_before_busy_workers(pool):
    most, going, written = 2 * compare_making.AHEAD, threading.Event(), []

    def slow(run, frames, record):
        going.wait()
        written.append(run)

    with pool(slow) as finish:
        for n in range(most):
            finish(n, None, None)
        one_more = threading.Thread(target=finish, args=(most, None, None))
        one_more.start()
        one_more.join(0.1)
        assert one_more.is_alive() and not written
        going.set()
        one_more.join()
    assert len(written) == most + 1
