"""Second stage: text encoder and UNet on latents; what its checkpoints show; the finished model."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.diffusion.denoiser import denoiser, guided, training_target
from vinf_jax.diffusion.losses import denoising_loss, diffusion_times
from vinf_jax.diffusion.samplers import DPMSolver
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.media import sprites
from vinf_jax.media.judge import judge, verdict
from vinf_jax.media.sheet import spaced
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.nn.parameters import flat, merge, split
from vinf_jax.systems.video_infinity import Settings, VideoInfinity
from vinf_jax.systems.video_infinity.settings import make_sampler
from vinf_jax.training.state import State, muon

from .autoencoder import trained_autoencoder
from .curve import curve
from .latents import Bank, digest_of, latent_bank
from .networks import merged, part, still, text_and_unet
from .pictures import save_grid, to_bytes
from .samples import Kind, batch, kinds, places
from .stage import Phase, latents_told, log_shares, newest_average, refuse_changes, train

EARLY = 100
"""Diffusion times of frames that are seen early are below this."""
WORDS = "text_encoder.token_embedding.embedding"


def diffusion(config, out: Path) -> None:
    """Text encoder and UNet together, on latents that are made once."""
    t = config.train_diffusion
    autoencoder = trained_autoencoder(config, out)
    made_from = {"autoencoder": digest_of(flat(autoencoder))}
    refuse_changes(config, out / "diffusion", made_from)
    bank = latent_bank(config, out, autoencoder)
    tokenizer = WordTokenizer(sprites.WORDS, config.text_encoder.length)
    graphs, parameters = text_and_unet(config, tokenizer.vocabulary)
    for_pictures, kept = split(still(merged(graphs, parameters)[1]))
    schedule = Schedule.scaled_linear()

    def loss(parameters, batch, key):
        text_encoder, unet = merged(graphs, parameters)
        text = text_encoder(batch["tokens"])
        latents = batch["latents"].astype(jnp.float32)
        if latents.shape[1] == 1:
            weights = part(parameters, "unet")
            unet = merge(for_pictures, {name: weights[name] for name in kept})
        keys = jax.random.split(key)
        noise = jax.random.normal(keys[0], latents.shape)
        times = diffusion_times(keys[1], batch["focus"], batch["share"], schedule.num_train)
        model = partial(unet, text=text, fps=config.fps)
        if "known" not in batch:
            return denoising_loss(model, schedule, config.prediction, latents, noise, times), {}
        early = jax.random.randint(jax.random.fold_in(keys[1], 1), batch["known"].shape, 0, EARLY)
        each = jnp.where(batch["known"], early, times[:, None])
        return framewise_loss(model, schedule, config.prediction, latents, noise, each), {}

    empty = tokenizer.encode([""])[0]
    apart = partial(told_apart, ids=ids_of(tokenizer, t.spread))

    def phase(steps: int, kind: Kind, spread: bool) -> Phase:
        about = ids_of(tokenizer, kind.about.split())
        how = {"seed": config.seed, "unconditional": t.unconditional}

        def told(step: int) -> str:
            rng = np.random.default_rng((config.seed, step))
            return latents_told(places(bank, about, kind, rng))

        draw = partial(batch, bank, empty, about, kind, **how)
        return Phase(steps, draw, apart if spread else None, told)

    phases = [
        phase(steps, kind, spread)
        for steps, kind, spread in zip(t.phase_steps, kinds(t), t.phase_spread, strict=True)
    ]
    picture = sample_pictures(config, out, bank, autoencoder, graphs, tokenizer, schedule)

    train(config, t, out / "diffusion", loss, parameters, phases, picture, muon, made_from)


def ids_of(tokenizer: WordTokenizer, words: Sequence[str]) -> np.ndarray:
    """The token of each word."""
    return tokenizer.encode([" ".join(words)])[0][1 : 1 + len(words)]


def told_apart(state: State, ids: np.ndarray) -> State:
    """The state with something of its own, at right angles to the others, added to each of these
    words' embeddings, as large as embeddings are.

    Words that long meant the same to the model (left and right, while only the axis mattered) have
    grown alike, and what would tell them apart learns in proportion to their difference.
    """

    def spread(parameters):
        table = parameters[WORDS]
        size = jnp.linalg.norm(table, axis=1).mean()
        own = jax.random.orthogonal(jax.random.key(0), table.shape[1], dtype=table.dtype)
        return parameters | {WORDS: table.at[ids].add(size * own[: len(ids)])}

    return state | {name: spread(state[name]) for name in ("parameters", "average")}


def framewise_loss(model, schedule: Schedule, kind: str, x0, noise, times):
    """The denoising loss where frames have times (B, F) of their own. The network is told the
    latest one of each clip, and only frames at that time count: the others are there to be seen.

    One frame that is seen early says where the shape is, so that the text has to say where it goes:
    a frame alone cannot, and noisy frames together show it themselves.
    """
    each = times.reshape(-1)

    def flat(x):
        return x.reshape(-1, *x.shape[2:])

    noisy = schedule.noisy(flat(x0), flat(noise), each).reshape(x0.shape)
    latest = times.max(axis=1)
    target = training_target(schedule, kind, flat(x0), flat(noise), each).reshape(x0.shape)
    counts = (times == latest[:, None])[..., None, None, None]
    error = jnp.where(counts, (model(noisy, latest) - target) ** 2, 0)
    return error.sum() / (counts.sum() * x0[0, 0].size)


def sample_pictures(
    config, out: Path, bank: Bank, autoencoder, graphs, tokenizer, schedule
) -> Callable:
    """What a checkpoint of the second stage shows: one row of frames per held-out prompt, and the
    judge's opinion of them in judge.jsonl."""
    graph, decoder = split(autoencoder)
    prompts = sprites.held_out_prompts(14, config.seed)
    tokens = tokenizer.encode([""] * len(prompts) + prompts)
    sampler = DPMSolver(schedule, steps=15, stochastic=False)
    shape = (len(prompts), *bank.latents.shape[1:])

    @jax.jit
    def sample(parameters):
        text_encoder, unet = merged(graphs, parameters)
        text = text_encoder(tokens)

        def halves(x, time):
            output = unet(jnp.concatenate([x, x]), time, text, config.fps)
            return output.reshape(2, *x.shape)

        denoise = guided(denoiser(halves, schedule, config.prediction), config.generation.guidance)
        state = sampler.init(jax.random.normal(jax.random.key(config.seed), shape))
        state = jax.lax.fori_loop(
            0, len(sampler.times), lambda i, s: sampler.step(s, denoise, i), state
        )
        latents = sampler.result(state).reshape(-1, *shape[2:]) / bank.scale
        return merge(graph, decoder).decode(latents)

    def picture(step: int, state: State) -> None:
        frames = to_bytes(sample(state["average"])).reshape(*shape[:2], *config.size, 3)
        shown = spaced(config.frames, 8)
        grid = frames[:, shown].reshape(-1, *config.size, 3)
        save_grid(out / "diffusion" / "samples" / f"step_{step:06d}.png", grid, len(shown))
        verdicts = [
            verdict(judge(clip, fps=config.fps), sprites.parse(prompt))
            for clip, prompt in zip(frames, prompts, strict=True)
        ]
        log_shares(out / "diffusion" / "judge.jsonl", step, verdicts)

    return picture


def settings(config, latent_scale: float) -> Settings:
    """How the model is sampled. Raises ValueError for what cannot be."""
    height, width = config.size
    found = Settings(
        latent_scale=latent_scale,
        prediction=config.prediction,
        height=height,
        width=width,
        fps=config.fps,
        clip_frames=config.frames,
        **config.generation.to_dict(),
    )
    make_sampler(found.sampler, Schedule.scaled_linear(), found.steps, found.karras)
    return found


def export(config, out: Path, folder: Path) -> None:
    """The finished model as a folder that `python -m infer` reads, in float16; the run's curve."""
    autoencoder = trained_autoencoder(config, out)
    made_from = {"autoencoder": digest_of(flat(autoencoder))}
    refuse_changes(config, out / "diffusion", made_from)
    bank = latent_bank(config, out, autoencoder)
    tokenizer = WordTokenizer(sprites.WORDS, config.text_encoder.length)
    graphs, like = text_and_unet(config, tokenizer.vocabulary)
    note, parameters = newest_average(config, out / "diffusion", like, "diffusion")
    text_encoder, unet = merged(graphs, parameters)
    model = VideoInfinity(
        unet=unet,
        autoencoder=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        schedule=Schedule.scaled_linear(),
        settings=settings(config, bank.scale),
        arguments={
            "unet": config.unet.to_dict() | {"context_width": config.text_encoder.width},
            "autoencoder": config.autoencoder.to_dict(),
            "text_encoder": config.text_encoder.to_dict() | {"vocabulary": tokenizer.vocabulary},
        },
    )
    model.save(folder, dtype=jnp.float16, provenance=note, overwrite=True)
    curve(out)
