"""Features rounded on their way between devices: near what they were, and only if they travel."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.parallel.clips import on_devices, simulated
from tests.tolerances import EXACT
from vinf_jax.parallel.rounded import packed, unpacked
from vinf_jax.parallel.timeline import Whole, over

FRAMES = 11
SLACK = 1e-6


def video(*more, dtype=np.float32):
    """Tokens of very different size."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, FRAMES, *more))
    return (x * 10 ** rng.uniform(-3, 3, x.shape[:-1])[..., None]).astype(dtype)


def allowed(x):
    """Half a unit of every token."""
    return np.abs(x).max(-1, keepdims=True) * (0.5 / 127 + SLACK)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_token_is_at_most_half_a_unit_off(dtype):
    x = jnp.asarray(video(4, 5), dtype)
    message = packed(x)
    assert message.dtype == jnp.int8 and message.shape == (2, FRAMES, 4, 9)
    back, wide = unpacked(message, x.dtype), np.asarray(x, np.float64)
    assert back.dtype == x.dtype
    rounding = np.abs(wide) * float(jnp.finfo(dtype).eps)
    assert (np.abs(np.asarray(back, np.float64) - wide) <= allowed(wide) + rounding).all()
    # The slow twin, without the bytes; the unit and the product are rounded, each once.
    unit = np.abs(np.asarray(x, np.float32)).max(-1, keepdims=True) / np.float32(127)
    by_hand = np.round(np.asarray(x, np.float32) / unit) * unit
    np.testing.assert_allclose(
        np.asarray(back, np.float32), by_hand, rtol=2 * float(jnp.finfo(dtype).eps)
    )


def test_zeros_and_the_largest_values_come_back():
    x = jnp.asarray([[0.0, 0, 0], [-7, 7, 0], [1e-30, -1e-30, 0]])
    np.testing.assert_allclose(unpacked(packed(x), x.dtype), x, rtol=1e-6)


@pytest.mark.parametrize("run", [simulated, on_devices])
@pytest.mark.parametrize("clips", [2, 4, 8])
def test_what_travels_is_near_and_what_stays_is_exact(run, clips):
    x, places = video(3, 5), [9, 0, 1, 10]
    length = -(-FRAMES // clips)

    def verbs(line, part):
        chosen = line.take(part, sorted(places)), line.pick(part, jnp.asarray(places))
        return jnp.concatenate([line.halo(part, 2), *chosen, line.sample(part, 3)], axis=1)

    exact, rounded = (np.asarray(run(verbs, x, clips, exchange=how)) for how in ("exact", "int8"))
    known = ~np.isnan(exact)
    assert (
        np.abs(rounded - exact)[known] <= np.broadcast_to(allowed(exact), exact.shape)[known]
    ).all()
    own = np.s_[:, :, 2 : 2 + length]
    np.testing.assert_array_equal(rounded[own], exact[own])
    assert np.nanmax(np.abs(rounded - exact)) > EXACT


def test_numbers_and_statistics_are_not_rounded():
    x = video(6)

    def verbs(line, part):
        number = jnp.arange(part.shape[1])[None] + line.first_frame(part.shape[1])
        numbers = line.halo(number, 2), line.take(number, [0, 9]), line.halo(number, 1, -9)
        mean, variance = line.moments(part, part**2)
        return *numbers, line.halo(part, 1, 5.0), mean, variance, line.gather(part)

    exact, rounded = (simulated(verbs, x, 4, 99, exchange=how) for how in ("exact", "int8"))
    for one, other in zip(exact, rounded, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_device_rounds_nothing():
    assert over("clip", 1, FRAMES, "int8") == Whole()
