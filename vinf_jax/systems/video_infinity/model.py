"""The text-to-video system: a folder of weights in, frames of any number out."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.scope import Scope
from vinf_jax.parallel.mesh import everyones_devices, make_mesh
from vinf_jax.systems.video_infinity import folder as on_disk
from vinf_jax.systems.video_infinity.compiled import Compiled
from vinf_jax.systems.video_infinity.encoding import encoded
from vinf_jax.systems.video_infinity.making import Making
from vinf_jax.systems.video_infinity.networks import NETWORKS, side
from vinf_jax.systems.video_infinity.progress import Progress
from vinf_jax.systems.video_infinity.prompts import Range
from vinf_jax.systems.video_infinity.request import Limits, request
from vinf_jax.systems.video_infinity.settings import Settings
from vinf_jax.systems.video_infinity.stepping import Stepping
from vinf_jax.systems.video_infinity.together import together
from vinf_jax.systems.video_infinity.tokens import Tokenizer


class VideoInfinity:
    """A text-to-video model that makes videos of any length on any number of devices.

    The video depends on prompts, seed and settings, not on the devices, unless `exchange` is int8:
    float32 videos differ by at most 2 of 255 in the worst pixel between clip counts. Networks are
    not to be changed once they are in here; what was compiled for one video serves the next of the
    same size.

    arguments: of each network's constructor, for `save`: {"unet": ..., "autoencoder": ...,
    "text_encoder": ...}. provenance: anything that JSON holds about where the weights come from.
    timings: seconds of the stages of the latest video, "set-up", "compile", "denoise", "decode".
    """

    def __init__(
        self,
        unet: UNet3D,
        autoencoder: AutoencoderKL,
        text_encoder: TextEncoder,
        tokenizer: Tokenizer,
        schedule: Schedule,
        settings: Settings,
        arguments: Mapping[str, Mapping[str, Any]],
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.unet, self.autoencoder, self.text_encoder = unet, autoencoder, text_encoder
        self.tokenizer, self.schedule, self.settings = tokenizer, schedule, settings
        self.arguments, self.provenance = arguments, provenance or {}
        self.timings: dict[str, float] = {}
        self._compiled = Compiled(unet, autoencoder, text_encoder, settings.latent_scale)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        dtype: Any = None,
        schedule: Schedule | None = None,
        settings: Mapping[str, Any] | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> "VideoInfinity":
        """The model that `save`, training or an import wrote to `folder`.

        dtype: of the parameters in memory, and so of the arithmetic; float32 if not given, whatever
        the precision on disk. schedule, tokenizer: instead of the folder's. settings: fields that
        replace the folder's.

        Raises:
            ValueError: no folder, a damaged one, one of something else, or one that lacks networks
                or whose settings do not fit; the message names it.
        """
        changes = {"schedule": schedule, "settings": settings, "tokenizer": tokenizer}
        return cls(**on_disk.read(folder, dtype, **changes))

    def save(
        self,
        folder: str | Path,
        *,
        dtype: Any = None,
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the model to a folder, whole or not at all.

        dtype: of the parameters on disk; as they are if not given. provenance: anything that JSON
        holds; this model's own if not given.

        Raises:
            ValueError: `arguments` that would build other networks than these.
            OSError: the folder exists and `overwrite` is false, or cannot be written.
        """
        on_disk.write(
            folder,
            {part: getattr(self, part) for part in NETWORKS},
            arguments=self.arguments,
            tokenizer=self.tokenizer,
            schedule=self.schedule,
            settings=self.settings,
            dtype=dtype,
            provenance=self.provenance if provenance is None else provenance,
            overwrite=overwrite,
        )

    def generate(
        self,
        prompts: Sequence[str],
        *,
        frames: int,
        on_step: Callable[[Progress], object] | None = None,
        **wishes: Any,
    ) -> np.ndarray:
        """The whole video, uint8 (frames, height, width, 3). Arguments as in `stream`."""
        parts = self.stream(prompts, frames=frames, on_step=on_step, **wishes)
        return np.concatenate([pixels for _, pixels in parts])

    def generate_many(
        self,
        videos: Sequence[tuple[Sequence[str], int]],
        *,
        frames: int,
        on_step: Callable[[Progress], object] | None = None,
        **wishes: Any,
    ) -> Iterator[np.ndarray]:
        """Several videos (prompts, seed) of one length in one call for each step, in order, each
        uint8 (frames, height, width, 3) and the one that `generate` makes, to rounding. A GPU makes
        many short videos in nearly the time of one; memory is needed for all of them.

        Arguments are checked at once; the work begins with the first video.

        Args:
            frames, wishes: as in `begin`, of all videos.
            on_step: told about every stage and step, of all videos together.

        Raises:
            ValueError: one message with everything that does not fit; or videos that cannot be made
                in one call (see `together`).
        """
        makings = [
            self.begin(prompts, frames=frames, seed=seed, **wishes) for prompts, seed in videos
        ]
        self.timings = makings[0].timings if makings else {}
        return together(makings, on_step) if makings else iter(())

    def stream(
        self,
        prompts: Sequence[str],
        *,
        frames: int,
        given: Mapping[int, np.ndarray] | None = None,
        on_step: Callable[[Progress], object] | None = None,
        **wishes: Any,
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The video in pieces (number of the first frame, uint8 (n, height, width, 3)), in order.

        Arguments are checked at once; the work begins with the first piece.

        Args:
            prompts, frames, wishes: as in `begin`.
            given: clean latents (h, w, C) of frames that are known, by number: of a video to go on
                with, of what stands before and after a gap, of a start or an end image. `encode`
                makes them from pixels. They are part of the video.
            on_step: told about every stage and step.

        Raises:
            ValueError: one message with everything that does not fit; or other processes hold part
                of the video, which then takes a job's folder (`work.Work`).
        """
        given = given or {}
        making = self.begin(prompts, frames=frames, given=given, **wishes)
        making.refuse_parts()
        making.refuse_shapes(given)
        self.timings = making.timings
        return making.pieces(given, on_step)

    def begin(
        self,
        prompts: Sequence[str],
        *,
        frames: int,
        clips: int = 1,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        guidance_steps: Sequence[float] | None = None,
        reuse: int | None = None,
        exchange: str | None = None,
        negative_prompt: str = "",
        height: int | None = None,
        width: int | None = None,
        fps: float | None = None,
        scope: Scope | str | Mapping[str, Any] | None = None,
        sampler: str | None = None,
        karras: bool | None = None,
        ranges: Sequence[Range] | None = None,
        crossfade: int | None = None,
        cuts: str | Sequence[int] | None = None,
        guidance_groups: int = 1,
        wave: int | None = None,
        overlap: int | None = None,
        known_time: int | None = None,
        portion: int | None = None,
        decode_tile: int | None = None,
        given: Collection[int] = (),
        devices: Sequence[jax.Device] | None = None,
    ) -> Making:
        """The making of a video, for those who drive it themselves: wave by wave, keeping latents
        where they like, and the sampler's state. Everything is checked; no work is done yet.

        What is not given is the settings' default.

        Args:
            prompts: texts, in the order of time.
            frames: length of the video.
            clips: pieces that time is cut into, one per device (or two, see guidance_groups).
            seed: which video; the same on any devices.
            steps: of the sampler.
            guidance: scale of classifier-free guidance; 1 is none.
            guidance_steps: two shares of the steps, 0 to 1, between which guidance leads; the other
                steps compute only the half of the prompts.
            reuse: every so many steps the whole network is computed, and between them only its
                first level, with what the deeper ones said last; 1 is every step.
            exchange: how features go between devices, "exact" or rounded to "int8"; the video then
                depends on clips.
            negative_prompt: what guidance leads away from.
            height, width: pixels.
            fps: frame rate that the model is told, frames per second.
            scope: what frames have to do with each other: a scope, a preset's name, or settings
                for `scope_of`.
            sampler: "dpmsolver++", "sde-dpmsolver++", "ddim" or, with fresh noise in every step,
                "ancestral-ddim". karras: its spacing of noise.
            ranges: (first, last + 1) frames of each prompt; split evenly if not given.
            crossfade: frames over which one prompt passes into the next, centred on the boundary.
            cuts: where scenes change: "prompts", where two prompts meet, without a cross-fade;
                "none"; or the first frames of new scenes, at which no prompt fades.
            guidance_groups: 2 computes the halves of guidance on two groups of devices.
            wave: frames that one call makes at most; 0 is no limit. The calls are
                `waves.plan_waves`'s, the same on any devices.
            overlap: frames made before that a call holds beside those it makes.
            known_time: diffusion time than which frames that are there already are shown no
                noisier; 1000 is as noisy as the rest.
            portion: pixels of the video's latents that layers compute at once where they can; fewer
                need less memory, 0 is all.
            decode_tile: pixels that a device decodes at once: fewer frames, and of larger ones
                tiles, without seams; 0 is eight whole frames.
            given: numbers of frames that are not to be made; what their latents are, is asked when
                a wave needs them.
            devices: to use, the first clips x guidance_groups of them; all if not given.

        Raises:
            ValueError: one message with everything that does not fit.
        """
        usable = everyones_devices() if devices is None else list(devices)
        wish = request(
            Limits(self.settings, self.schedule, self.tokenizer, self._side, len(usable)),
            prompts=prompts,
            frames=frames,
            clips=clips,
            seed=seed,
            steps=steps,
            guidance=guidance,
            guidance_steps=guidance_steps,
            reuse=reuse,
            exchange=exchange,
            negative_prompt=negative_prompt,
            height=height,
            width=width,
            fps=fps,
            scope=scope,
            sampler=sampler,
            karras=karras,
            ranges=ranges,
            crossfade=crossfade,
            cuts=cuts,
            guidance_groups=guidance_groups,
            wave=wave,
            overlap=overlap,
            known_time=known_time,
            portion=portion,
            decode_tile=decode_tile,
            given=given,
        )
        mesh = make_mesh(clips, guidance_groups, usable)
        tokens = self.tokenizer.encode(wish.texts)
        how = self.schedule, self.settings.prediction
        return Making(Stepping(self._compiled, *how, wish, mesh, tokens))

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Latents (n, h, w, C) of pictures uint8 (n, height, width, 3), for `given`: the means of
        what the autoencoder takes them for.

        Raises:
            ValueError: pixels of another dtype, or of a size that the model does not make.
        """
        return encoded(self._compiled, pixels, self._side, self.settings.decode_tile)

    @property
    def _side(self) -> int:
        """Pixels that both sides of a frame must be multiples of."""
        return side(self.unet, self.autoencoder)
