"""Weight files of others, .ckpt .pt .pth .bin .safetensors, as numpy arrays; nothing is executed.

What a file is decides its content, never its name. Pickles go through a machine of our own that
knows tensors and plain containers (`pickle_machine`, `torch_objects`).
"""

from collections.abc import Callable, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint import safetensors_views, torch_legacy, torch_zip
from vinf_jax.checkpoint.index import some
from vinf_jax.checkpoint.pickle_machine import Inert
from vinf_jax.checkpoint.tensor_file import TensorFile, View
from vinf_jax.checkpoint.torch_objects import Storage, Tensor

WRAPPERS = ("state_dict", "module")
DEEPSPEED = "_forward_module."
SPARE = 2**26
"""Bytes that tensors may claim beyond four times the file, by sharing and repeating storages."""


def open_tensors(path: str | Path) -> TensorFile:
    """The tensors of a weight file by name, as read-only views of the mapped file.

    Of a torch file, those of the dictionary that was saved, or of its entry `state_dict` or
    `module`. Objects of unknown classes are never made; they stand beside the weights or
    the file is refused.

    Raises:
        ValueError: no weight file, a damaged or hostile one, or one of another kind than weights;
            with the path and the reason.
    """
    path = Path(path)
    try:
        return _open(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _open(path: Path) -> TensorFile:
    if not path.is_file():  # a pipe or device would be waited for
        raise ValueError("it is no file" if path.exists() else "there is no such file")
    with path.open("rb") as stream:
        if not (head := stream.read(64)):
            raise ValueError("it is empty")
        file = mmap(stream.fileno(), 0, access=ACCESS_READ)
    if safetensors_views.begins(head):
        views, metadata = safetensors_views.views(file)
        return TensorFile(path, file, "safetensors", views, metadata=metadata)
    form = _form(head)
    described, place = {"zip": torch_zip, "legacy": torch_legacy}[form].read(file)
    wrapper, tensors, left_out = _state_dict(described)
    views = _views(tensors, place, 4 * len(file) + SPARE)
    if wrapper == "module" and all(name.startswith(DEEPSPEED) for name in views):
        views = {name.removeprefix(DEEPSPEED): view for name, view in views.items()}
    return TensorFile(path, file, form, views, wrapper=wrapper, left_out=left_out)


def _form(head: bytes) -> str:
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80"):
        return "legacy"
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(
            "it is a pointer of Git LFS, not the weights; fetch them with git lfs pull"
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise ValueError("it is a web page, not the weights; the download did not succeed")
    raise ValueError("it is neither a file of torch.save nor a safetensors file")


def _state_dict(described: Any) -> tuple[str, dict[str, Tensor], tuple[str, ...]]:
    """(wrapper, tensors, names of what is left out) of a saved object."""
    if not isinstance(described, dict):
        what = described.name if isinstance(described, Inert) else type(described).__name__
        raise ValueError(f"it holds a {what}, not a dictionary of tensors; save a state_dict")
    wrapper = next((key for key in WRAPPERS if isinstance(described.get(key), dict)), "")
    inside = described[wrapper] if wrapper else described
    tensors = {name: value for name, value in inside.items() if isinstance(value, Tensor)}
    nameless = [name.name for name in tensors if not isinstance(name, str)]
    if nameless:
        raise ValueError(f"tensors have no names, but keys of the kinds {some(nameless)}")
    unknown = [f"{_shown(k)} ({v.name})" for k, v in inside.items() if isinstance(v, Inert)]
    if unknown and tensors:
        raise ValueError(f"of classes that are not read, among the tensors: {some(unknown)}")
    if not tensors:
        raise ValueError(f"no tensors in it, but {some([_shown(k) for k in inside]) or 'nothing'}")
    beside = {} if inside is described else {k: v for k, v in described.items() if k != wrapper}
    others = [*beside, *(name for name in inside if name not in tensors)]
    return wrapper, tensors, tuple(_shown(name) for name in others)


def _shown(name: Any) -> str:
    return f"<{name.name}>" if isinstance(name, Inert) else name


def _views(
    tensors: Mapping[str, Tensor], place: Callable[[Storage], int], most: int
) -> dict[str, View]:
    claim = sum(tensor.nbytes for tensor in tensors.values())
    if claim > most:
        raise ValueError(f"its tensors claim {claim} bytes, far more than the file has")
    return {name: _view(tensor, place(tensor.storage)) for name, tensor in tensors.items()}


def _view(tensor: Tensor, start: int) -> View:
    size = tensor.dtype.itemsize
    axes = zip(tensor.shape, tensor.strides, strict=True)
    # The step along an axis of one is never taken, and may be any number.
    strides = tuple(size * step if n > 1 else size for n, step in axes)
    return View(start + size * tensor.offset, tensor.dtype, tensor.shape, strides)
