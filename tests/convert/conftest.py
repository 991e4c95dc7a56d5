"""The small model of `sources`, made once, and its public layouts on disk."""

import pytest

from tests.convert import sources


@pytest.fixture(scope="session")
def arrays():
    """Our arrays by name."""
    return sources.drawn()


@pytest.fixture(scope="session")
def tensors(arrays):
    """Everything that the lvdm checkpoint holds, by its names there."""
    return sources.lvdm(arrays)


@pytest.fixture(scope="session")
def checkpoint(tensors, tmp_path_factory):
    """model.ckpt."""
    return sources.write_lvdm(tmp_path_factory.mktemp("lvdm") / "model.ckpt", tensors)


@pytest.fixture(scope="session")
def diffusers_folder(arrays, tmp_path_factory):
    """The same model as a diffusers folder of today."""
    return sources.write_diffusers(tmp_path_factory.mktemp("diffusers") / "model", arrays)
