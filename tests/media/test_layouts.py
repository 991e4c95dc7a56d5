import pytest

from vinf_jax.media import layouts


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def ucf_lists(folder, train, test):
    folder = folder / "ucfTrainTestlist"
    folder.mkdir(parents=True)
    (folder / "trainlist01.txt").write_text("".join(f"{name} 1\r\n" for name in train))
    (folder / "testlist01.txt").write_text("".join(f"{name}\n" for name in test))


@pytest.mark.parametrize("place", [".", ".."])
def test_ucf101_is_split_by_its_lists(tmp_path, place):
    folder = touched(tmp_path / "UCF-101", "A/10.avi", "A/2.avi", "B/1.avi", "B/x.avi", "B/y.txt")
    train, test = ["A/10.avi", "A/2.avi", "B/gone.avi"], ["B/1.avi"]
    ucf_lists(folder / place, train, test)
    names, troubles = layouts.ucf101(folder, "train")
    assert names == ["A/2.avi", "A/10.avi"]
    assert list(troubles) == ["B/gone.avi", "B/x.avi"]
    assert "listed, but not in the folder" in troubles["B/gone.avi"]
    assert "neither trainlist01.txt nor testlist01.txt" in troubles["B/x.avi"]
    assert layouts.ucf101(folder, "test") == (["B/1.avi"], {"B/x.avi": troubles["B/x.avi"]})
    assert layouts.ucf101(folder, "all")[0] == ["A/2.avi", "A/10.avi", "B/1.avi"]


def test_ucf101_in_both_lists_is_used_for_neither(tmp_path):
    ucf_lists(tmp_path, ["A/1.avi", "A/2.avi"], ["A/1.avi"])
    touched(tmp_path, "A/1.avi", "A/2.avi")
    assert layouts.ucf101(tmp_path, "train")[0] == ["A/2.avi"]
    assert layouts.ucf101(tmp_path, "test") == (
        [],
        {"A/1.avi": "is listed for training and for tests"},
    )


def test_ucf101_without_lists_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"not laid out as UCF-101.*kind 'videos'"):
        layouts.ucf101(tmp_path, "train")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train/a", "val/b"),
        ("train/a/a_1", "test/b/b_1"),
        ("sky_train/a/a_1", "sky_test/b/b_1"),
    ],
)
def test_sky_in_its_spellings(tmp_path, train, test):
    touched(tmp_path, f"{train}/0.png", f"{train}0/1.jpg", f"{train}00/0.txt", f"{test}/0.JPG")
    assert layouts.sky(tmp_path, "train") == ([train, f"{train}0"], {})
    assert layouts.sky(tmp_path, "test") == ([test], {})


def test_what_sky_is_not(tmp_path):
    with pytest.raises(ValueError, match="not laid out as SkyTimelapse"):
        layouts.sky(touched(tmp_path / "1", "a/0.png"), "train")
    two = touched(tmp_path / "2", "test/a/0.png", "val/a/0.png", "train/a/0.png")
    with pytest.raises(ValueError, match="holds test, train, val; leave one"):
        layouts.sky(two, "train")


def test_folders_without_a_split_keep_tests_apart_by_name(tmp_path):
    names = [f"{n % 3}/{n}.mp4" for n in range(60)]
    touched(tmp_path, *names, "notes.txt", ".hidden/1.mp4", "1/.part.mp4")
    (tmp_path / "0" / "again").symlink_to(tmp_path)
    train, test, both = (layouts.videos(tmp_path, split)[0] for split in ("train", "test", "all"))
    assert sorted(train + test) == sorted(both) == sorted(names)
    assert 2 <= len(test) <= 12
    (tmp_path / test[0]).unlink()
    assert layouts.videos(tmp_path, "train")[0] == train


def test_strays_beside_the_splits_are_told(tmp_path):
    touched(tmp_path, "train/a.mp4", "test/b.mp4", "c.mp4", "clips/d.mp4")
    names, troubles = layouts.videos(tmp_path, "all")
    assert names == ["test/b.mp4", "train/a.mp4"]
    assert troubles == dict.fromkeys(("c.mp4", "clips/d.mp4"), "lies outside test and train")


def test_a_folder_of_pictures_may_be_the_clip(tmp_path):
    touched(tmp_path, "0.png", "1.png")
    assert layouts.frames(tmp_path, "all") == (["."], {})


def test_what_jobs_work_on_is_no_video(tmp_path):
    touched(tmp_path, "a.mp4", "a.job/preview.mp4", "work/segments/0.mp4", "set/1.mp4")
    (tmp_path / "work/manifest.json").write_text('{"facts": {"kind": "vinf_jax job, 1"}}')
    (tmp_path / "set/manifest.json").write_text('{"videos": ["1.mp4"]}')
    assert layouts.videos(tmp_path, "all")[0] == ["a.mp4", "set/1.mp4"]


def test_lists_beside_a_folder_are_of_the_folder_whose_files_they_name(tmp_path):
    ucf_lists(tmp_path, ["A/1.avi"], [])
    touched(tmp_path, "UCF-101/A/1.avi", "fake/1.mp4")
    assert layouts.is_ucf101(tmp_path / "UCF-101") and not layouts.is_ucf101(tmp_path / "fake")
