"""The stages of training a text-to-video model; each is a function of the config and a folder."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.diffusion.denoiser import denoiser, guided
from vinf_jax.diffusion.losses import denoising_loss
from vinf_jax.diffusion.samplers import DPMSolver
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.media import sprites
from vinf_jax.media.judge import judge, verdict
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.training.loop import Metrics, fit, resume
from vinf_jax.training.state import State, adam, begin, named, unnamed, updater


def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    t = config.train_diffusion
    lengths = {len(t.phase_steps), len(t.phase_frames), len(t.phase_batch)}
    troubles = []
    if len(lengths) > 1:
        troubles.append("train_diffusion: phase_steps, phase_frames and phase_batch differ in length")
    if max(t.phase_frames) > config.frames:
        troubles.append(
            f"train_diffusion.phase_frames: {max(t.phase_frames)} frames, but clips have "
            f"{config.frames} (field frames)"
        )
    for batch in (config.train_autoencoder.batch, *t.phase_batch):
        if batch % config.devices:
            troubles.append(f"devices: {config.devices} do not divide a batch of {batch}")
    stages = {
        "train_autoencoder": (config.train_autoencoder.warmup, config.train_autoencoder.steps),
        "train_diffusion": (t.warmup, sum(t.phase_steps)),
    }
    for name, (warmup, steps) in stages.items():
        if warmup >= steps:
            troubles.append(f"{name}.warmup: {warmup} steps of warm-up in {steps} steps of training")
    if config.devices > len(jax.devices()):
        troubles.append(f"devices: {config.devices}, but there are {len(jax.devices())}")
    if troubles:
        raise ValueError("config: " + "; ".join(troubles))


def autoencoder(config, out: Path, weights: Path | None = None) -> None:
    """Frames of the world through the autoencoder: reconstruction and a light pull of the latents
    to a normal distribution."""
    t = config.train_autoencoder
    model = AutoencoderKL(**config.autoencoder, rngs=nnx.Rngs(config.seed))
    graph, parameters = split(model)

    def loss(parameters, images, key):
        model = merge(graph, parameters)
        mean, log_variance = model.encode(images)
        latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
        error = model.decode(latents) - images
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).mean()
        off, square = jnp.abs(error).mean(), (error**2).mean()
        return off + t.square * square + t.kl * kl, {"absolute": off, "psnr": 10 * jnp.log10(4 / square), "kl": kl}

    def batch(step: int) -> np.ndarray:
        height, width = config.size
        pictures = [
            sprites.sample(config.seed, step * t.batch + i, frames=1, height=height, width=width)[2]
            for i in range(t.batch)
        ]
        return to_unit(np.concatenate(pictures))

    def picture(step: int, state: State) -> None:
        images = batch(0)[:8]
        model = merge(graph, state["average"])
        decoded = np.asarray(jax.jit(lambda x: model.decode(model.encode(x)[0]))(images))
        rows = np.concatenate([images, decoded])
        save_grid(out / "autoencoder" / "samples" / f"step_{step:06d}.png", to_bytes(rows), len(images))

    _train(config, t, out / "autoencoder", loss, parameters, [(t.steps, batch)], picture)


def diffusion(config, out: Path, weights: Path | None = None) -> None:
    """Text encoder and UNet together, on latents that are made once."""
    t = config.train_diffusion
    bank = latent_bank(config, out)
    tokenizer = WordTokenizer(sprites.WORDS, config.text_encoder.length)
    graphs, parameters = text_and_unet(config, tokenizer.vocabulary)
    schedule = Schedule.scaled_linear()

    def loss(parameters, batch, key):
        text_encoder, unet = merged(graphs, parameters)
        text = text_encoder(batch["tokens"])
        latents = batch["latents"].astype(jnp.float32)
        keys = jax.random.split(key)
        noise = jax.random.normal(keys[0], latents.shape)
        times = jax.random.randint(keys[1], latents.shape[:1], 0, schedule.num_train)
        model = partial(unet, text=text, fps=config.fps)
        return denoising_loss(model, schedule, config.prediction, latents, noise, times), {}

    def batches(frames: int, size: int) -> Callable[[int], dict[str, np.ndarray]]:
        empty = tokenizer.encode([""])[0]

        def batch(step: int) -> dict[str, np.ndarray]:
            rng = np.random.default_rng((config.seed, step))
            chosen = rng.integers(len(bank.latents), size=size)
            first = rng.integers(config.frames - frames + 1, size=size)
            spoken = rng.random(size) >= t.unconditional
            return {
                "latents": np.stack([bank.latents[c][f : f + frames] for c, f in zip(chosen, first)]),
                "tokens": np.where(spoken[:, None], bank.tokens[chosen], empty),
            }

        return batch

    phases = [
        (steps, batches(frames, size))
        for steps, frames, size in zip(t.phase_steps, t.phase_frames, t.phase_batch, strict=True)
    ]
    picture = sample_pictures(config, out, bank, graphs, tokenizer, schedule)

    def trained(phase: int, name: str) -> bool:
        """Single pictures leave the layers that join frames as they are."""
        return t.phase_frames[phase] > 1 or not ("temp_" in name or "transformer_in" in name)

    _train(config, t, out / "diffusion", loss, parameters, phases, picture, trained)


def text_and_unet(config, vocabulary: int) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Graphs of the text encoder and the UNet, and their parameters under one roof."""
    rngs = nnx.Rngs(config.seed)
    text = TextEncoder(vocabulary=vocabulary, **config.text_encoder, rngs=rngs)
    unet = UNet3D(**config.unet, context_width=config.text_encoder.width, rngs=rngs)
    (text_graph, text_parameters), (unet_graph, unet_parameters) = split(text), split(unet)
    parameters = {f"text_encoder.{name}": x for name, x in text_parameters.items()}
    parameters |= {f"unet.{name}": x for name, x in unet_parameters.items()}
    return (text_graph, unet_graph), parameters


def part(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parameters whose names begin with `name` and a dot, without it."""
    return {key.removeprefix(f"{name}."): x for key, x in parameters.items() if key.startswith(f"{name}.")}


def merged(graphs: tuple[Any, Any], parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Text encoder and UNet with these parameters."""
    return merge(graphs[0], part(parameters, "text_encoder")), merge(graphs[1], part(parameters, "unet"))


class Bank(NamedTuple):
    """Clips of the world as scaled latents (N, F, H, W, C) and token ids (N, L)."""

    latents: np.ndarray
    tokens: np.ndarray
    scale: float


def trained_autoencoder(config, out: Path) -> AutoencoderKL:
    """The moving average of the newest checkpoint of the first stage."""
    checkpoints = Checkpoints(out / "autoencoder" / "checkpoints")
    step = checkpoints.latest()
    if step is None:
        raise ValueError(f"{checkpoints.folder} has no checkpoint: run the stage autoencoder first")
    graph, like = split(abstract(lambda rngs: AutoencoderKL(**config.autoencoder, rngs=rngs)))
    wanted = named({"average": like})
    shapes = checkpoints.describe(step)[0]
    everything = {name: jax.ShapeDtypeStruct(*shapes[name]) for name in shapes}
    stored = checkpoints.load(step, everything)
    return merge(graph, unnamed({name: stored[name] for name in wanted}, {"average": like})["average"])


def latent_bank(config, out: Path) -> Bank:
    """The training clips through the autoencoder, once; kept beside the run and checked against the
    autoencoder that made them."""
    model = trained_autoencoder(config, out)
    graph, parameters = split(model)
    digest = digest_of(parameters)
    path = out / "diffusion" / "latents.npz"
    count = config.train_diffusion.clips
    if path.exists():
        with np.load(path) as stored:
            if str(stored["autoencoder"]) == digest and len(stored["tokens"]) == count:
                return Bank(stored["latents"], stored["tokens"], float(stored["scale"]))
    encode = jax.jit(lambda p, x: merge(graph, p).encode(x)[0])
    tokenizer = WordTokenizer(sprites.WORDS, config.text_encoder.length)
    height, width = config.size
    latents, captions = [], []
    with _bar() as bar:
        task = bar.add_task("latents", total=count, loss="none")
        for index in range(count):
            _, caption, frames = sprites.sample(
                config.seed, index, frames=config.frames, height=height, width=width, fps=config.fps
            )
            latents.append(np.asarray(encode(parameters, to_unit(frames))))
            captions.append(caption)
            bar.advance(task)
    stacked = np.stack(latents)
    scale = float(1 / stacked.std())
    bank = Bank((stacked * scale).astype(np.float16), tokenizer.encode(captions), scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished.npz")
    np.savez(unfinished, latents=bank.latents, tokens=bank.tokens, scale=scale, autoencoder=digest)
    unfinished.replace(path)
    return bank


def digest_of(parameters: Mapping[str, Any]) -> str:
    """A short name for exactly these parameters."""
    total = hashlib.sha256()
    for name in sorted(parameters):
        total.update(name.encode() + np.asarray(parameters[name]).tobytes())
    return total.hexdigest()[:16]


def sample_pictures(config, out: Path, bank: Bank, graphs, tokenizer, schedule) -> Callable:
    """What a checkpoint of the second stage shows: one row of frames per held-out prompt, and the
    judge's opinion of them in judge.jsonl."""
    graph, decoder = split(trained_autoencoder(config, out))
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

        denoise = guided(denoiser(halves, schedule, config.prediction), config.guidance)
        state = sampler.init(jax.random.normal(jax.random.key(config.seed), shape))
        state = jax.lax.fori_loop(
            0, len(sampler.times), lambda i, s: sampler.step(s, denoise, i), state
        )
        latents = sampler.result(state).reshape(-1, *shape[2:]) / bank.scale
        return merge(graph, decoder).decode(latents)

    def picture(step: int, state: State) -> None:
        frames = to_bytes(sample(state["average"])).reshape(*shape[:2], *config.size, 3)
        save_grid(
            out / "diffusion" / "samples" / f"step_{step:06d}.png",
            frames[:, :: config.frames // 8].reshape(-1, *config.size, 3),
            8,
        )
        verdicts = [
            verdict(judge(clip, fps=config.fps), sprites.parse(prompt))
            for clip, prompt in zip(frames, prompts, strict=True)
        ]
        right = {name: float(np.mean([v[name] for v in verdicts])) for name in verdicts[0]}
        with (out / "diffusion" / "judge.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **right}) + "\n")

    return picture


def to_unit(frames: np.ndarray) -> np.ndarray:
    """uint8 pixels as float32 in [-1, 1]."""
    return frames.astype(np.float32) / 127.5 - 1


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Pictures in [-1, 1] as uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def save_grid(path: Path, pictures: np.ndarray, columns: int) -> None:
    """Pictures (N, H, W, 3) in rows of `columns`, as a PNG of twice their size."""
    from vinf_jax.media.sheet import save_png

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pictures.reshape(-1, columns, *pictures.shape[1:]).swapaxes(1, 2)
    image = rows.reshape(rows.shape[0] * rows.shape[1], -1, 3)
    save_png(path, image.repeat(2, 0).repeat(2, 1), overwrite=True)


def _train(
    config,
    t,
    folder: Path,
    loss: Callable,
    parameters: Mapping[str, Any],
    phases: list[tuple[int, Callable[[int], Any]]],
    picture: Callable[[int, State], None],
    trained: Callable[[int, str], bool] = lambda phase, name: True,
) -> State:
    """Trains through all phases, each a number of steps and what makes their batches."""
    total = sum(steps for steps, _ in phases)
    optimiser = adam(t.rate, steps=total, warmup=t.warmup)
    update = updater(loss, optimiser, decay=t.decay, key=jax.random.key(config.seed + 1))
    mesh = jax.make_mesh((config.devices,), ("data",), (AxisType.Auto,))
    everywhere, cut = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("data",)))
    checkpoints = Checkpoints(folder / "checkpoints")
    state = jax.device_put(begin(dict(parameters), optimiser), everywhere)
    state, start = resume(state, checkpoints)
    metrics = Metrics(folder / "metrics.jsonl", start)
    note = {"config": config.to_dict(), "made_by": provenance()}
    end = 0
    with _bar() as bar:
        task = bar.add_task(folder.name, total=total, completed=start, loss="")
        for phase, (steps, batch) in enumerate(phases):
            begun, end = end, end + steps
            if start >= end:
                continue
            moving = {name: jnp.float32(trained(phase, name)) for name in parameters}
            state = fit(
                lambda state, batch, moving=moving: update(state, batch, moving),
                state,
                lambda step, batch=batch: jax.device_put(batch(step), cut),
                start=max(start, begun),
                steps=end,
                checkpoints=checkpoints,
                metrics=metrics,
                save_every=t.save_every,
                on_step=lambda step, v: bar.update(task, completed=step, loss=f"{v['loss']:.4f}"),
                on_save=picture,
                metadata=note,
            )
    return state


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )


def provenance() -> dict[str, str]:
    """Versions, machine and commit, for what stands beside every result."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    import flax

    return {
        "commit": commit or "unknown",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "flax": flax.__version__,
        "device": jax.devices()[0].device_kind,
    }
