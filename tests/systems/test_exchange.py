"""Videos whose features are rounded between devices."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.systems.test_making import JOB, PROMPTS, SCOPE, refused
from tests.tiny import SMALLEST, tiny_model
from vinf_jax.systems.video_infinity.asked import asked_of, differences


@pytest.fixture(scope="module")
def model():
    return tiny_model(unet=SMALLEST, scope=SCOPE)


def made(model, **wish):
    return model.begin(PROMPTS, frames=11, **wish).wave(0, refused)


def test_one_device_exchanges_nothing(model):
    np.testing.assert_array_equal(made(model, exchange="int8"), made(model))


def test_several_devices_make_nearly_the_same(model):
    """A hundredth, where half a unit of one message is up to 0.4 %; but it is not the same."""
    exact, rounded = made(model, clips=4), made(model, clips=4, exchange="int8")
    apart = np.abs(rounded - exact)
    assert 1e-5 < apart.mean() < 0.02 * exact.std()


def test_later_waves_add_up_their_global_frames(model):
    """The owners' bytes and the zeros of all others."""
    videos = [model.generate(PROMPTS, **JOB, clips=4, exchange=how) for how in ("exact", "int8")]
    exact, rounded = (jnp.asarray(video, jnp.float32)[10:] for video in videos)
    assert 0 < jnp.abs(rounded - exact).mean() < 2


def test_a_job_does_not_go_on_with_another_exchange(model):
    askings = [
        asked_of(making.request, making.waves)
        for making in (model.begin(PROMPTS, frames=6, exchange=how) for how in ("int8", "exact"))
    ]
    (line,) = differences(*askings)
    assert line == "settings.exchange: 'int8' in the job, 'exact' asked for"
