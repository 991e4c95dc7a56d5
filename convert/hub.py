"""Models on the Hugging Face hub: `hf://owner/name[@revision]` becomes a folder on this machine.

Only what an import reads is fetched, into the hub's own cache, safetensors before pickles.
"""

import re
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from .hub_files import chosen

_ADDRESS = re.compile(
    r"hf:/{1,2}(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII
)  # a Path makes one slash of two
FORM = "hf://owner/name or hf://owner/name@revision"


class Found(NamedTuple):
    """Where a source lies now. origin: "hub" and "revision" (a commit) if it was fetched."""

    path: Path
    origin: dict[str, str]


def local(
    path: Path, layout: str | None = None, variant: str | None = None, api: Any = None
) -> Found:
    """A path as it is, an address on the hub as the folder that was fetched.

    api: a `huggingface_hub.HfApi`; its own default, which knows the login, if not given.

    Raises:
        ValueError: no address, or a model that is not there or has nothing that can be read.
        OSError: the hub cannot be reached or asked, with what to do by hand.
    """
    if not str(path).startswith("hf:"):
        return Found(path, {})
    parts = _ADDRESS.fullmatch(str(path))
    if parts is None:
        raise ValueError(f"{path} is no address of a model; give {FORM}")
    name, revision = parts["name"], parts["revision"]
    api = api or _api(name, revision)
    try:
        model = api.model_info(name, revision=revision)
    except Exception as error:  # of whatever library brings bytes
        raise _refusal(name, revision, error) from error
    files = chosen([file.rfilename for file in model.siblings], f"hf://{name}", layout, variant)
    try:
        folder = api.snapshot_download(
            name, revision=model.sha, allow_patterns=[escape(file) for file in files]
        )
    except Exception as error:
        raise _refusal(name, revision, error, files) from error
    return Found(Path(folder), {"hub": f"hf://{name}", "revision": model.sha})


def _api(name: str, revision: str | None) -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        missing = "huggingface_hub is not installed (pip install 'vinf-jax[hub]')"
        raise OSError(f"{missing}; or {_by_hand(name, revision)}") from None
    return HfApi(library_name="vinf_jax")


def _refusal(
    name: str, revision: str | None, error: Exception, files: Sequence[str] = ()
) -> Exception:
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return ValueError(f"hf://{name} asks you to accept its terms; do so there, and log in")
    if isinstance(error, RevisionNotFoundError):
        return ValueError(f"hf://{name} has no revision {revision}")
    if isinstance(error, RepositoryNotFoundError):
        return ValueError(f"there is no hf://{name}, or it is private and you are not logged in")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return OSError(f"hf://{name} cannot be fetched ({reason}); {_by_hand(name, revision, files)}")


def _by_hand(name: str, revision: str | None, files: Sequence[str] = ()) -> str:
    usual = "model.ckpt, or unet/, vae/, text_encoder/, tokenizer/ and scheduler/"
    return (
        f"download by hand from huggingface.co/{name}/tree/{revision or 'main'}, into one folder "
        f"and under their names there: {', '.join(files) or usual}; then give that folder"
    )
