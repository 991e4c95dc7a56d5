"""Video files: H.264 in mp4 out, anything that FFmpeg reads in. PyAV is imported when needed."""

import contextlib
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vinf_jax.media.target import check_target, replacing

__all__ = ["VideoWriter", "check_target", "frames", "read_video"]

Rate = int | float | Fraction
FLAGS = {"fflags": "+bitexact", "movflags": "+faststart"}
"""How mp4 files are written: equal frames make equal files, and players need not seek the end."""
X264 = {"preset": "medium", "mbtree": "0"}
"""Its macroblock tree reads memory that it has not written where frames are narrow: with it, equal
frames did not always make equal files."""
LARGEST = 16384
"""Rows or columns of a frame that x264 takes at most."""
SLOWEST, FASTEST = 0.001, 1000
"""Frames per second that mp4 files give back."""
_BT601, _LIMITED = 6, 1  # FFmpeg's numbers for the colours that yuv420p is converted with


class VideoWriter:
    """Writes frames to an mp4 (H.264, yuv420p) as they come.

    `with VideoWriter("out.mp4", fps=8, height=64, width=64, scale=4) as video: video.write(frames)`

    The file appears under its name when the block ends well, and not at all otherwise.

    Args:
        path: the target; its folder is made if missing.
        fps: frames per second.
        height, width: size of the frames that will come.
        scale: whole factor of enlargement, every pixel a square of that side.
        crf: x264's quality, 0 lossless to 51; 16 is hard to tell from the original.
        overwrite: replace an existing file.

    Raises:
        ValueError: a size, rate or scale that cannot be encoded, before anything is written.
        OSError: see `check_target`.
    """

    def __init__(
        self,
        path: str | Path,
        fps: Rate,
        height: int,
        width: int,
        *,
        scale: int = 1,
        crf: int = 16,
        overwrite: bool = False,
    ) -> None:
        _check_size(fps, height, width, scale)
        self.path = check_target(path, overwrite)
        self.count = 0
        self._fps, self._scale, self._crf = rate_of(fps), scale, crf
        self._frame = (height, width, 3)
        self._overwrite = overwrite

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path, self._overwrite))
            self._file = stack.enter_context(
                _av().open(str(temporary), "w", format="mp4", options=FLAGS)
            )
            self._stream = self._video_stream()
            stack.push(self._finish)
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    def write(self, frames: np.ndarray) -> None:
        """Appends frames, uint8 (F, H, W, 3), any F.

        Raises:
            ValueError: another dtype or shape.
        """
        frames = np.asarray(frames)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != self._frame:
            raise ValueError(
                f"frames are {frames.dtype} {frames.shape}; {self.path} takes uint8 "
                f"(F, {', '.join(map(str, self._frame))})"
            )
        for frame in frames:
            self._encode(enlarged(frame, self._scale))

    def _video_stream(self) -> Any:
        height, width = (side * self._scale for side in self._frame[:2])
        stream = self._file.add_stream(
            "libx264", rate=self._fps, options=X264 | {"crf": str(self._crf)}
        )
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        codec = stream.codec_context
        codec.thread_count = 1
        codec.colorspace, codec.color_range = _BT601, _LIMITED
        return stream

    def _encode(self, frame: np.ndarray) -> None:
        picture = _av().VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._file.mux(self._stream.encode(picture))
        self.count += 1

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self.count:
            raise ValueError(f"{self.path}: no frame was written; a video needs one or more")
        if kind is None:
            self._file.mux(self._stream.encode())


def rate_of(fps: Rate) -> Fraction:
    """Frames per second as a fraction that mp4 can hold; 29.97 is 30000/1001."""
    return Fraction(fps).limit_denominator(1001)


def enlarged(frame: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, 3) -> (H scale, W scale, 3), every pixel a square."""
    return frame.repeat(scale, axis=0).repeat(scale, axis=1)


def frames(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of a video file one by one, uint8 (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no video, or is damaged.
    """
    with opened(path) as file:
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def read_video(path: str | Path) -> tuple[np.ndarray, float]:
    """(frames uint8 (F, H, W, 3), frames per second) of a whole video file.

    Raises:
        FileNotFoundError, ValueError: as `frames`.
    """
    with opened(path) as file:
        rate = file.streams.video[0].average_rate
    pictures = list(frames(path))
    if not pictures or not rate:
        raise ValueError(f"{path} holds no frames of a known rate; it may be cut short")
    return np.stack(pictures), float(rate)


@contextlib.contextmanager
def opened(path: str | Path) -> Generator[Any]:
    """The file as PyAV's container, closed afterwards.

    Raises:
        FileNotFoundError, ValueError: as `frames`, also for damage that shows inside the block.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    av = _av()
    try:
        with container(path) as file:
            if not file.streams.video:
                raise ValueError(f"{path} holds no video stream")
            yield file
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} cannot be read as a video: {error.strerror}") from error


def container(path: str | Path) -> Any:
    """The file as PyAV opens it to read: titles and the like need not be UTF-8, which versions
    before 19 must be told and later ones take so.

    Raises:
        OSError, av.error.FFmpegError: as av.open.
    """
    av = _av()
    told = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    return av.open(str(path), **told)


def _check_size(fps: Rate, height: int, width: int, scale: int) -> None:
    troubles = []
    if not SLOWEST <= fps <= FASTEST:
        troubles.append(f"fps is {fps}; it must be {SLOWEST} to {FASTEST}")
    if scale < 1:
        troubles.append(f"scale is {scale}; it must be 1 or more")
    for name, side in (("height", height), ("width", width)):
        if side < 1:
            troubles.append(f"{name} is {side}; it must be 1 or more")
        elif side * max(scale, 1) > LARGEST:
            enlarged = f" x scale {scale} = {side * scale}" if scale > 1 else ""
            troubles.append(f"{name} is {side}{enlarged}; give {LARGEST} at most")
        elif scale >= 1 and side * scale % 2:
            enlarged = f" x scale {scale} = {side * scale}" if scale > 1 else ""
            fits = f"{side - 1} or {side + 1}" if side > 1 else "2"
            troubles.append(
                f"{name} is {side}{enlarged}, which is odd; "
                f"yuv420p video needs even sizes: {fits}, or an even scale"
            )
    if troubles:
        raise ValueError("the video cannot be encoded: " + "; ".join(troubles))


def _av() -> Any:
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("video files need PyAV: pip install av") from error
    return av
