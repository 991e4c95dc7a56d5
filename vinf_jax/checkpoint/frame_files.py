"""Arrays that belong to numbered frames, in files of a few hundred frames each, read a few at a
time: memory does not grow with the video."""

from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np

from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.tensor_file import TensorFile
from vinf_jax.checkpoint.torch_file import open_tensors

NUMBERS, FRAMES = "numbers", "frames"


def write(path: Path, numbers: Sequence[int], frames: np.ndarray) -> None:
    """Frames (n, ...) with their n rising numbers as one safetensors file, whole or not at all.

    Raises:
        ValueError: other numbers than frames.
        OSError: it cannot be written.
    """
    if len(numbers) != len(frames) or not len(numbers):
        raise ValueError(f"{path}: {len(numbers)} numbers for {len(frames)} frames")
    path.parent.mkdir(exist_ok=True)
    write_safetensors(path, {NUMBERS: np.asarray(numbers, np.int64), FRAMES: frames})


class FrameFiles:
    """The frames of several files, by number; a file is open only while it is read."""

    def __init__(self) -> None:
        self._where: dict[int, tuple[Path, int]] = {}

    def add(self, path: Path, among: Container[int] | None = None) -> None:
        """One more file, or only those of its frames that are `among` some.

        Raises:
            ValueError: it is not a file of `write`.
        """
        for row, number in enumerate(_opened(path)[NUMBERS].tolist()):
            if among is None or number in among:
                self._where[number] = path, row

    def __call__(self, numbers: Sequence[int]) -> np.ndarray:
        """The frames of these numbers, (n, ...).

        Raises:
            ValueError: some are in no file, or a file is damaged.
        """
        missing = [number for number in numbers if number not in self._where]
        if missing:
            raise ValueError(f"{len(missing)} frames are in no file, the first is {missing[0]}")
        frames: dict[int, np.ndarray] = {}
        for path in dict.fromkeys(self._where[number][0] for number in numbers):
            stored = _opened(path)[FRAMES]
            here = [number for number in numbers if self._where[number][0] == path]
            frames |= {number: stored[self._where[number][1]] for number in here}
        return np.stack([frames[number] for number in numbers])

    def __contains__(self, number: object) -> bool:
        return number in self._where


def _opened(path: Path) -> TensorFile:
    file = open_tensors(path)
    if set(file) != {NUMBERS, FRAMES}:
        raise ValueError(f"{path} holds no numbered frames, but {', '.join(sorted(file))}")
    return file
