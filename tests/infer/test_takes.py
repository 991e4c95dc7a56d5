"""extend, retake and given frames, from flags to files, around a model in plain numpy."""

import json
from pathlib import Path

import numpy as np
import pytest

from infer import extend, retake, video_infinity
from infer.spans import between, joined, overlaid, parse_range
from infer.takes import origin
from tests.stand_in import StandIn
from vinf_jax.media.sheet import save_png
from vinf_jax.media.video import read_video
from vinf_jax.programs import spoken
from vinf_jax.systems.video_infinity.opening import finished_job

PROMPT = "a red square moves left"


@pytest.fixture
def world(given, tmp_path, monkeypatch):
    """A folder with weights; the model is a stand-in, which fits any device."""
    given(StandIn())
    monkeypatch.setattr("infer.ordering.cannot_fit", lambda *_: [])
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_text("w")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*words, out="a.mp4", frames=12, prompts=(PROMPT,)) -> int:
    asked = ["--out", out, "--frames", str(frames), "--weights", "weights", "--prompts", *prompts]
    return spoken(video_infinity.main, [*asked, *words])


def record(name="a") -> dict:
    with open(f"{name}.json") as file:
        return json.load(file)


def test_extend_goes_on_from_the_latents_of_the_job(world, capsys):
    assert make("--seed", "5", "--wave", "6", "--overlap", "2", "--steps", "4") == 0
    assert spoken(extend.main, ["a.mp4", "--frames", "5"]) == 0
    old, new = finished_job("a.job"), finished_job("a-extended.job")
    assert (new.frames()(range(12)) == old.frames()(range(12))).all()
    assert new.asked["seed"] == 5 and new.asked["settings"]["steps"] == 4
    made = record("a-extended")
    assert made["frames"] == 17 and made["prompts"] == [{"text": PROMPT, "start": 0, "stop": 17}]
    frames, _ = read_video("a-extended.mp4")
    assert (frames[:12] == read_video("a.mp4")[0]).all() and len(frames) == 17
    more = ["a-extended.job", "--frames", "4", "--prompts", "a blue disc", "--out", "b.mp4"]
    assert spoken(extend.main, more) == 0
    assert [span["start"] for span in record("b")["prompts"]] == [0, 17]
    assert "b.mp4: 21 frames" in capsys.readouterr().out


def test_a_job_may_be_named_from_inside(world, monkeypatch):
    assert make() == 0
    monkeypatch.chdir(world / "a.job")
    assert origin(Path()).path == world / "a.job"
    words = [".", "--frames", "3", "--weights", str(world / "weights")]
    assert spoken(extend.main, words) == 0 and (world / "a-extended.mp4").is_file()


@pytest.mark.parametrize("out", [".", "/", ""])
def test_a_video_needs_a_name(world, capsys, out):
    assert make(out=out) == 2
    assert f"{out!r} names no file" in capsys.readouterr().err


def test_rates_that_are_none_are_named(world, capsys):
    assert make() == 0
    said = "give a finite number above 0"
    assert make("--given", "0:=a.mp4", "--fps", "inf", out="b.mp4", frames=20) == 2
    assert f"given: a.mp4 cannot be read at fps inf; {said}" in capsys.readouterr().err
    words = ["a.mp4", "--range", "0s:1s", "--fps", "inf", "--weights", "weights"]
    assert spoken(retake.main, words) == 2
    assert f"fps: inf; {said}" in capsys.readouterr().err
    (world / "a.mp4").rename(world / "c.mp4")
    assert spoken(retake.main, ["c.mp4", *words[1:], "--prompts", PROMPT]) == 2
    assert f"c.mp4 cannot be read at fps inf; {said}" in capsys.readouterr().err


def test_what_a_job_of_before_a_setting_left_unsaid_is_as_it_was_then(world):
    """And not as the model has it now."""
    assert make("--known-time", "50") == 0
    assert origin(Path("a.job")).asked["settings"]["known_time"] == 50
    job = finished_job("a.job")
    del job.asked["settings"]["known_time"]
    job.manifest.seal()
    assert origin(Path("a.job")).asked["settings"]["known_time"] == 1000


def test_cuts_go_from_flags_to_the_job_and_on(world, capsys):
    words = ("--cuts", "prompts", "--scope.across", "-2")
    assert make(*words, prompts=(PROMPT, "a blue disc")) == 0
    stored = finished_job("a.job").asked["settings"]
    assert stored["scope"]["cuts"] == [6] and stored["scope"]["across"] == -2
    assert stored["crossfade"] == 0
    more = ["a.job", "--frames", "4", "--prompts", PROMPT]
    assert spoken(extend.main, more) == 0
    assert finished_job("a-extended.job").asked["settings"]["scope"]["cuts"] == [6]
    assert spoken(extend.main, [*more, "--cuts", "6,12", "--out", "b.mp4"]) == 0
    assert finished_job("b.job").asked["settings"]["scope"]["cuts"] == [6, 12]
    assert make("--cuts", "6,x", out="c.mp4") == 2
    assert make("--cuts", "12", "--scope", "freenoise", out="c.mp4") == 2
    said = capsys.readouterr().err
    assert "'6,x'" in said and "frame 1 to 11" in said and "knows no scenes" in said


def test_extend_of_any_video_goes_on_from_its_pictures(world, capsys):
    assert make() == 0
    (world / "a.job").rename(world / "elsewhere")
    assert spoken(extend.main, ["a.mp4", "--frames", "4", "--weights", "weights"]) == 2
    assert "prompts: none" in capsys.readouterr().err
    words = ["a.mp4", "--frames", "4", "--weights", "weights", "--prompts", PROMPT]
    assert spoken(extend.main, words) == 0
    frames, _ = read_video("a-extended.mp4")
    old, _ = read_video("a.mp4")
    assert len(frames) == 16 and np.abs(frames[:12] - old.astype(float)).mean() < 3
    assert record("a-extended")["prompts"] == [{"text": PROMPT, "start": 0, "stop": 16}]


def test_a_video_that_was_changed_is_no_longer_its_job_s(world):
    assert make() == 0
    with open("a.mp4", "ab") as file:
        file.write(b"changed")
    assert spoken(extend.main, ["a.mp4", "--frames", "2", "--out", "b.mp4"]) == 2


def test_retake_makes_a_range_again_and_nothing_else(world):
    assert make("--fps", "2") == 0
    words = ["a.job", "--range", "2s:3s", "9:11", "--prompts", "a blue disc", PROMPT]
    assert spoken(retake.main, words) == 0
    old, new = (finished_job(name).frames()(range(12)) for name in ("a.job", "a-retake.job"))
    same = (new == old).all((1, 2, 3))
    assert same.tolist() == [n not in (4, 5, 9, 10) for n in range(12)]
    made = record("a-retake")
    assert [(span["start"], span["stop"]) for span in made["prompts"]] == [(0, 4), (4, 6), (6, 12)]
    assert made["seed"] == 1


def test_each_range_keeps_its_prompt_in_whatever_order_they_are_given(world):
    assert make() == 0
    words = ["--range", "9:11", "4:6", "--prompts", "a blue disc", "a red disc"]
    assert spoken(retake.main, ["a.job", *words]) == 0
    spans = {span["start"]: span["text"] for span in record("a-retake")["prompts"]}
    assert (spans[4], spans[9]) == ("a red disc", "a blue disc")


def test_fields_of_the_scope_change_the_model_s_own_where_there_is_no_job(world):
    assert make("--no-keep-job") == 0
    words = ["--frames", "4", "--prompts", PROMPT, "--weights", "weights", "--scope.spread", "1"]
    assert spoken(extend.main, ["a.mp4", *words]) == 0
    scope = record("a-extended")["settings"]["scope"]
    assert (scope["local"], scope["spread"]) == (StandIn().settings.scope["local"], 1)


def test_a_job_is_replaced_only_if_asked(world, capsys):
    assert make() == 0
    old = finished_job("a.job").frames()(range(12))
    words = ["a.mp4", "--range", "4:6", "--out", "a.mp4"]
    assert spoken(retake.main, words) == 2
    said = capsys.readouterr().err
    assert "--force replaces it" in said and "a.mp4 exists" in said
    assert spoken(retake.main, [*words, "--force"]) == 0
    new = finished_job("a.job").frames()(range(12))
    assert (new == old).all((1, 2, 3)).sum() == 10
    assert sorted(path.name for path in world.glob("*.job")) == ["a.job"]
    assert spoken(extend.main, ["a.mp4", "--frames", "1"]) == 0
    assert (finished_job("a-extended.job").frames()(range(12)) == new).all()


@pytest.mark.parametrize("moment", ["save_png", "write_json", "Job.finish", "Job.move", "shutil"])
def test_a_kill_while_a_job_is_replaced_loses_nothing(world, monkeypatch, moment):
    """Wherever it stops, the same command with --resume goes on from the job that there was."""
    assert make("--steps", "5") == 0
    old = finished_job("a.job").frames()(range(12))
    words = ["a.mp4", "--range", "4:6", "--out", "a.mp4", "--force"]

    def stop(*_, **__):
        raise KeyboardInterrupt

    where = {"Job.finish": "vinf_jax.systems.video_infinity.job.Job.finish"}
    where |= {"Job.move": "vinf_jax.systems.video_infinity.job.Job.move"}
    where |= {"shutil": "vinf_jax.systems.video_infinity.job.shutil.rmtree"}
    with monkeypatch.context() as patch:
        patch.setattr(where.get(moment, f"infer.making.{moment}"), stop)
        assert spoken(retake.main, words) == 130
    assert spoken(retake.main, [*words, "--resume"]) == 0
    job = finished_job("a.job")
    assert job.asked["settings"]["steps"] == 5 and job.asked["seed"] == 1
    assert (job.frames()(range(12)) == old).all((1, 2, 3)).sum() == 10
    assert sorted(path.name for path in world.glob("*.job")) == ["a.job"]


def test_a_finished_job_that_was_to_go_goes_when_resumed(world, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vinf_jax.systems.video_infinity.job.Job.remove", stop)
        assert make("--no-keep-job") == 130
    assert (world / "a.job").is_dir()
    assert make("--no-keep-job", "--resume") == 0 and not (world / "a.job").exists()


def test_another_scope_keeps_the_cuts_of_the_job(world):
    assert make("--cuts", "6") == 0
    words = ["a.job", "--range", "2:4", "--scope", "many_local"]
    assert spoken(retake.main, words) == 0
    scope = finished_job("a-retake.job").asked["settings"]["scope"]
    assert scope["cuts"] == [6] and scope["local"] == 16
    assert spoken(retake.main, [*words, "--cuts", "none", "--out", "b.mp4"]) == 0
    assert finished_job("b.job").asked["settings"]["scope"]["cuts"] == []


@pytest.mark.parametrize("spelled", ["x/../a.job", "link.job", "x/a.job"])
def test_however_its_folder_is_spelled(world, capsys, spelled):
    assert make() == 0
    (world / "x").mkdir()
    (world / "link.job").symlink_to("a.job")
    (world / "x" / "a.job").symlink_to(world / "a.job")
    old = finished_job("a.job").frames()(range(12))
    words = ["a.job", "--range", "4:6", "--job", spelled, "--out", "b.mp4"]
    assert spoken(retake.main, words) == 2
    assert "is the job that this one comes from; --force" in capsys.readouterr().err
    assert spoken(retake.main, [*words, "--force", "--prompts", "a", "b"]) == 2
    assert (finished_job("a.job").frames()(range(12)) == old).all()
    assert spoken(retake.main, [*words, "--force"]) == 0
    new = finished_job("a.job").frames()(range(12))
    assert (new == old).all((1, 2, 3)).sum() == 10
    assert sorted(path.name for path in world.glob("*.job")) == ["a.job", "link.job"]


def test_missing_frames_of_a_video_are_made(world):
    assert make() == 0
    (world / "a.job").rename(world / "elsewhere")
    words = ["a.mp4", "--range", "3:6", "--weights", "weights", "--seed", "9"]
    words += ["--prompts", PROMPT]
    assert spoken(retake.main, words) == 0
    old, new = read_video("a.mp4")[0].astype(float), read_video("a-retake.mp4")[0]
    far = np.abs(new - old).mean((1, 2, 3))
    assert far[[0, 1, 2, 6, 11]].max() < 3 < far[3:6].min()


def test_pictures_at_both_ends(world):
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 0] = 200
    save_png("red.png", picture)
    save_png("blue.png", picture[..., ::-1])
    assert make("--first-image", "red.png", "--last-image", "blue.png") == 0
    frames, _ = read_video("a.mp4")
    ends = [frame.mean((0, 1)).round().tolist() for frame in (frames[0], frames[-1])]
    assert np.abs(np.array(ends) - [[200, 0, 0], [0, 0, 200]]).max() < 6
    assert [part["start"] for part in record()["given"]] == [0, 11]


def test_resume_goes_on_and_a_finished_job_is_left(world, capsys):
    words = ("--seed", "3", "--resume")
    assert make(*words) == 0
    files = {path: path.read_bytes() for path in world.glob("a.*") if path.is_file()}
    assert make(*words) == 0
    assert all(path.read_bytes() == data for path, data in files.items())
    assert "a.mp4 is finished already" in capsys.readouterr().out
    (world / "a.mp4").unlink()
    assert make(*words) == 0
    assert (world / "a.mp4").read_bytes() == files[world / "a.mp4"]
    assert make("--seed", "4", "--resume") == 2
    assert "seed: 3 in the job, 4 asked for" in capsys.readouterr().err
    assert make() == 2
    said = capsys.readouterr().err
    assert "a.mp4 exists" in said and "--resume goes on" in said


def test_resume_replaces_only_what_the_job_made(world, capsys):
    words = ("--resume", "--job", "v.job")
    assert make(*words) == 0
    mine = [world / "precious.mp4", world / "precious.json", world / "b.preview.png"]
    for path in mine:
        path.write_text("mine")
    assert make(*words, out="precious.mp4") == 2
    assert "precious.mp4 exists; --force" in capsys.readouterr().err
    assert make(*words, "--preview", out="b.mp4") == 2
    assert "b.preview.png exists; --force" in capsys.readouterr().err
    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert make(*words, out="c.mp4") == 0
    for name in ("a", "c"):
        (world / f"{name}.mp4").write_text("damaged")
        assert make(*words, out=f"{name}.mp4") == 0
    assert (world / "a.mp4").read_bytes() == (world / "c.mp4").read_bytes() != b"damaged"
    assert make(*words, "--force", out="precious.mp4") == 0


def test_a_file_that_came_while_the_job_was_stopped_stays(world, capsys):
    assert make() == 0
    job = finished_job("a.job")
    job.manifest.seal(finished=None, made=[])
    (world / "a.mp4").write_text("mine")
    assert make("--resume") == 2
    assert "a.mp4 exists; --force" in capsys.readouterr().err
    assert (world / "a.mp4").read_text() == "mine"


def test_a_job_of_before_such_notes_goes_on(world):
    assert make() == 0
    job = finished_job("a.job")
    del job.manifest.facts["made"]
    job.manifest.seal()
    (world / "a.mp4").write_text("damaged")
    (world / "b.mp4").write_text("mine")
    assert make("--resume", "--job", "a.job", out="b.mp4") == 2
    assert make("--resume") == 0
    assert len(read_video("a.mp4")[0]) == 12


def test_a_job_knows_its_files_after_a_move(world):
    (world / "x").mkdir()
    assert make(out="x/a.mp4") == 0
    (world / "x").rename("y")
    (world / "y" / "a.mp4").write_text("damaged")
    assert make("--resume", out="y/a.mp4") == 0
    assert len(read_video("y/a.mp4")[0]) == 12


def test_a_job_need_not_be_kept(world):
    assert make("--no-keep-job") == 0
    assert sorted(path.name for path in world.iterdir()) == ["a.json", "a.mp4", "a.png", "weights"]


@pytest.mark.parametrize(
    ("job", "out"),
    [
        ("v.job", "v.job/a.mp4"),
        ("v.job", "v.job/deep/a.mp4"),
        ("x/../v.job", "link/a.mp4"),
        ("a.mp4", "a.mp4"),
        ("a.png", "a.mp4"),
        ("a.preview.png", "a.mp4"),
        (".", "a.mp4"),
    ],
)
def test_a_job_s_folder_holds_no_file_of_the_video(world, capsys, job, out):
    (world / "x").mkdir()
    (world / "link").symlink_to("v.job")
    before = sorted(world.rglob("*"))
    assert make("--job", job, "--no-keep-job", "--force", out=out) == 2
    said = capsys.readouterr().err
    named = world if job == "." else job
    assert f"job: {named} is the job's folder" in said and "give another --job or --out" in said
    assert said.count("the job's folder") == 1
    assert sorted(world.rglob("*")) == before


def test_nor_does_the_folder_that_a_new_job_replaces(world, capsys):
    assert make() == 0
    words = ["a.job", "--range", "4:6", "--job", "a.job", "--out", "a.job/b.mp4", "--force"]
    assert spoken(retake.main, words) == 2
    assert "a.job is the job's folder, and a.job/b.mp4 cannot" in capsys.readouterr().err
    assert finished_job("a.job")


REFUSED = [
    (extend, ["none.mp4", "--frames", "3"], ["none.mp4: there is no such file"]),
    (extend, ["weights", "--frames", "3"], ["no manifest.json"]),
    (extend, ["a.job", "--frames", "0"], ["frames: 0 more"]),
    (extend, ["a.job", "--frames", "3", "--ranges", "0:3"], ["ranges: they belong to prompts"]),
    (extend, ["a.job", "--frames", "3", "--width", "64"], ["width: 64, but a.job has 32"]),
    (retake, ["a.job", "--range", "3-5"], ["range: '3-5'", "12s:18s"]),
    (retake, ["a.job", "--range", "3:99"], ["frames 3 to 98", "0 to 11"]),
    (retake, ["a.job", "--range", "3:6", "5:8"], ["frame 5 is in two ranges"]),
    (retake, ["a.job", "--range", ":"], ["nothing is left"]),
    (retake, ["a.job", "--range", "1:3", "--prompts", "a", "a"], ["prompts: 2 for 1 ranges"]),
]


@pytest.mark.parametrize(("program", "words", "said"), REFUSED, ids=lambda value: str(value)[-30:])
def test_mistakes_are_one_message(world, capsys, program, words, said):
    assert make() == 0
    capsys.readouterr()
    assert spoken(program.main, words) == 2
    (message,) = [line for line in capsys.readouterr().err.splitlines() if "start: " not in line]
    assert message.startswith("error: ") and not [part for part in said if part not in message]
    assert not list(world.glob("a-*"))


def test_given_frames_that_do_not_fit_are_named(world, capsys):
    save_png("p.png", np.zeros((8, 8, 3), np.uint8))
    words = ["--given", "3", "20=p.png", "2:4=p.png", "9=none.png", "--first-image", "p.png"]
    words.insert(1, "0=p.png")
    assert make(*words) == 2
    said = capsys.readouterr().err
    parts = ["'3' does not say", "frames 20 to 20", "p.png has 1", "none.png", "given twice"]
    assert not [part for part in parts if part not in said], said
    assert said.count("20") == 2


def test_ranges_are_seconds_or_frames():
    assert parse_range("1.5s:3s", 96, 8) == (12, 24)
    assert parse_range("12:24", 96, 8) == (12, 24)
    assert parse_range("90:", 96, 8) == (90, 96) and parse_range(":2s", 96, 8) == (0, 16)
    for text in ("1.5:3", "a:b", "3:3", "12s", "-1:4"):
        with pytest.raises(ValueError, match="range: "):
            parse_range(text, 96, 8)


def test_ranges_laid_over_others():
    spans = overlaid([((0, 10), "a"), ((10, 20), "b")], [((4, 6), "c"), ((8, 12), "b")])
    assert joined(spans) == (
        ["a", "c", "a", "b"],
        [(0, 4), (4, 6), (6, 8), (8, 20)],
    )
    assert between([(0, 3), (5, 20)], 20) == [(3, 5)]
