"""A tiny model for the programs, in memory and as a folder of weights."""

import pytest

from infer import evaluate, extend, retake, video_infinity
from tests.tiny import SMALLEST, tiny_model


@pytest.fixture(scope="session")
def model():
    return tiny_model(unet=SMALLEST)


@pytest.fixture(scope="session")
def weights(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "weights"
    model.save(folder)
    return folder


@pytest.fixture
def given(monkeypatch):
    """Programs that ask for a model get this one, and need not load and compile again."""

    def give(model):
        def loaded(options, devices, troubles):
            return model

        for program in (video_infinity, extend, retake, evaluate):
            monkeypatch.setattr(program, "loaded", loaded)

    return give
