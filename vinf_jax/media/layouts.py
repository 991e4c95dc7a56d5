"""Which clips a folder holds, and which of them are for training and which for tests."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from vinf_jax.media import picture_footage, video_footage
from vinf_jax.media.picture_footage import natural

SPLITS = ("train", "test", "all")
_LISTS = {"train": "trainlist01.txt", "test": "testlist01.txt"}
_TOPS = {"train": "train", "sky_train": "train"} | dict.fromkeys(
    ("test", "val", "sky_test"), "test"
)

JOB = "vinf_jax job"
"""What the manifest of a job's folder begins its kind with."""
_HEAD = 4096

Listing = tuple[list[str], dict[str, str]]
"""Names (paths below the folder, in natural order), and what is wrong: name -> reason."""


def ucf101(folder: Path, split: str) -> Listing:
    """UCF-101: <class>/*.avi, split by trainlist01.txt and testlist01.txt.

    The lists lie in ucfTrainTestlist inside the folder, or beside it as the archives unpack.

    Raises:
        ValueError: there are no lists.
    """
    lists = _ucf_lists(folder)
    there = {name for name in _videos(folder) if name.lower().endswith(".avi")}
    wanted = {name for side, names in lists.items() if split in (side, "all") for name in names}
    said = {name: "is listed, but not in the folder" for name in wanted - there}
    listed = set().union(*lists.values())
    said |= {name: f"is in neither {' nor '.join(_LISTS.values())}" for name in there - listed}
    said |= {
        name: "is listed for training and for tests" for name in lists["train"] & lists["test"]
    }
    names = (wanted & there) - (lists["train"] & lists["test"])
    return sorted(names, key=natural), {name: said[name] for name in sorted(said, key=natural)}


def is_ucf101(folder: Path) -> bool:
    """Whether UCF-101's lists lie in a folder or beside it, and name a file that is in it."""
    try:
        lists = _ucf_lists(folder)
    except ValueError:
        return False
    return any((folder / name).is_file() for names in lists.values() for name in names)


def sky(folder: Path, split: str) -> Listing:
    """SkyTimelapse: train/ and test/ (or val/), in them folders of pictures, at any depth.

    Both spellings are read so: <video>/<frames>, and <video>/<clip>/<frames>.

    Raises:
        ValueError: there is no such folder, or both test and val are there.
    """
    names = list(_picture_folders(folder))
    if not any(name.split("/")[0] in _TOPS for name in names):
        raise ValueError(
            f"{folder} is not laid out as SkyTimelapse: it needs train/ and test/ (or val/) with "
            "folders of pictures in them; kind 'frames' takes any folder of such folders"
        )
    return _divided(folder, names, split)


def videos(folder: Path, split: str) -> Listing:
    """Every video file under a folder; see `_divided` for the split."""
    return _divided(folder, list(_videos(folder)), split)


def frames(folder: Path, split: str) -> Listing:
    """Every folder of pictures under a folder; see `_divided` for the split."""
    return _divided(folder, list(_picture_folders(folder)), split)


def _divided(folder: Path, names: list[str], split: str) -> Listing:
    """Divided by the folders train and test (or val) if there are such; otherwise by name.

    By name means that one clip in ten is for tests, by a fixed hash, so that neither order nor
    number of the files matters.

    Raises:
        ValueError: more than one folder could be the one for tests, or for training.
    """
    names = sorted(names, key=natural)
    tops = sorted({top for name in names if (top := name.split("/")[0]) in _TOPS})
    if not tops:
        return [name for name in names if split in (_side_by_name(name), "all")], {}
    sides = [_TOPS[top] for top in tops]
    if len(set(sides)) < len(sides):
        raise ValueError(f"{folder} holds {', '.join(tops)}; leave one for training, one for tests")
    side = {name: _TOPS.get(name.split("/")[0]) for name in names}
    stray = {name: f"lies outside {' and '.join(tops)}" for name in names if side[name] is None}
    return [name for name in names if side[name] and split in (side[name], "all")], stray


def _side_by_name(name: str) -> str:
    number = int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:4])
    return "test" if number % 10 == 0 else "train"


def _ucf_lists(folder: Path) -> Mapping[str, set[str]]:
    """The names in both lists, without the class numbers behind them."""
    places = [where / "ucfTrainTestlist" for where in (folder, folder.absolute().parent)]
    for place in places:
        if all((place / file).is_file() for file in _LISTS.values()):
            lines = {side: (place / file).read_text() for side, file in _LISTS.items()}
            return {
                side: {line.split()[0] for line in text.splitlines() if line.strip()}
                for side, text in lines.items()
            }
    raise ValueError(
        f"{folder} is not laid out as UCF-101: {' and '.join(_LISTS.values())} are neither in "
        f"{places[0]} nor in {places[1]}; kind 'videos' takes any folder of videos"
    )


def _videos(folder: Path) -> Iterator[str]:
    for below, files in _walked(folder):
        yield from (
            (below / file).as_posix()
            for file in files
            if file.lower().endswith(video_footage.SUFFIXES)
        )


def _picture_folders(folder: Path) -> Iterator[str]:
    for below, files in _walked(folder):
        if any(file.lower().endswith(picture_footage.SUFFIXES) for file in files):
            yield below.as_posix()


def of_job(folder: Path) -> bool:
    """Whether a job makes a video in this folder: the films in it are parts of one that is, or will
    be, elsewhere. By the folder's name, or by what its manifest says, whatever the name."""
    if folder.suffix == ".job":
        return True
    try:
        with (folder / "manifest.json").open(encoding="utf-8", errors="replace") as manifest:
            return JOB in manifest.read(_HEAD)
    except OSError:
        return False


def _walked(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """(path below `folder`, files) of it and every folder in it, links too, nothing twice; hidden
    ones and jobs' aside."""
    seen = set()
    for here, inside, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        inside[:] = sorted(
            name for name in inside if not name.startswith(".") and not of_job(Path(here, name))
        )
        yield Path(here).relative_to(folder), [name for name in files if not name.startswith(".")]
