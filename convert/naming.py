"""Every way in which a component's tensors are named, and how to tell which one it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

from vinf_jax.checkpoint.mapping import Row, matches

from . import (
    clip_text,
    diffusers_autoencoder_kl,
    diffusers_unet3d,
    lvdm_autoencoder_kl,
    lvdm_unet3d,
    openclip_text,
    pvdm_autoencoder,
    pvdm_unet,
)
from .sizes import Sizes

FOLDERS = {"unet": "unet", "autoencoder": "vae", "text_encoder": "text_encoder"}
"""The components of a text-to-video model, and diffusers' names of them."""
UNUSED = [
    *("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod"),
    *("sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod"),
    *("sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod"),
    *("posterior_variance", "posterior_log_variance_clipped"),
    *("posterior_mean_coef1", "posterior_mean_coef2", "scale_arr", "lvlb_weights"),
    *("model_ema.*", "text_projection.weight", "logit_scale"),
]
"""Tensors beside the components that inference does not use; they are kept."""
OTHER_NETWORKS = ["vision_model.*", "visual_projection.weight"]
"""Tensors beside the components that belong to no text-to-video model; they are left out."""


@dataclass(frozen=True)
class Naming:
    """One layout of one component.

    signs: names that are there in every file of this kind. prefixes: what may stand before them,
    the first one where we write. unused: patterns of tensors that are kept, given the network's
    arguments. left_out: patterns of tensors that are not.
    """

    name: str
    component: str
    layout: str
    signs: tuple[str, ...]
    prefixes: tuple[str, ...]
    table: Callable[..., list[Row]]
    arguments: Callable[[Sizes], dict[str, Any]]
    spelling: Callable[[Sizes], dict[str, Any]] = lambda sizes: {}
    unused: Callable[[Mapping[str, Any]], list[str]] = lambda arguments: []
    left_out: Sequence[str] = ()

    @property
    def home(self) -> str:
        """What stands before this component's names where everything has its usual place."""
        folder = f"{FOLDERS[self.component]}/" if self.layout == "diffusers" else ""
        return folder + self.prefixes[0]

    def rows(self, arguments: Mapping[str, Any], sizes: Sizes | None = None) -> list[Row]:
        """The table for a network of these arguments; for a file of these sizes, as it spells."""
        wanted = signature(self.table).parameters
        chosen = {name: arguments[name] for name in wanted if name in arguments}
        return self.table(**chosen, **(self.spelling(sizes) if sizes else {}))


NAMINGS = [
    Naming(
        "lvdm_unet3d",
        "unet",
        "lvdm",
        ("input_blocks.0.0.weight", "init_attn.0.proj_in.weight"),
        ("model.diffusion_model.", ""),
        lvdm_unet3d.table,
        lvdm_unet3d.arguments,
    ),
    Naming(
        "lvdm_autoencoder_kl",
        "autoencoder",
        "lvdm",
        ("encoder.conv_in.weight", "encoder.mid.block_1.conv1.weight"),
        ("first_stage_model.", ""),
        lvdm_autoencoder_kl.table,
        lvdm_autoencoder_kl.arguments,
        left_out=lvdm_autoencoder_kl.LEFT_OUT,
    ),
    Naming(
        "openclip_text",
        "text_encoder",
        "lvdm",
        ("token_embedding.weight", "transformer.resblocks.0.ln_1.weight"),
        ("cond_stage_model.model.", ""),
        openclip_text.table,
        openclip_text.arguments,
        unused=lambda arguments: openclip_text.ignored(layers=arguments["layers"]),
        left_out=openclip_text.LEFT_OUT,
    ),
    Naming(
        "diffusers_unet3d",
        "unet",
        "diffusers",
        ("conv_in.weight", "transformer_in.proj_in.weight"),
        ("",),
        diffusers_unet3d.table,
        diffusers_unet3d.arguments,
    ),
    Naming(
        "diffusers_autoencoder_kl",
        "autoencoder",
        "diffusers",
        ("encoder.conv_in.weight", "encoder.mid_block.resnets.0.conv1.weight"),
        ("",),
        diffusers_autoencoder_kl.table,
        diffusers_autoencoder_kl.arguments,
        spelling=diffusers_autoencoder_kl.spelling,
    ),
    Naming(
        "clip_text",
        "text_encoder",
        "diffusers",
        ("embeddings.token_embedding.weight", "encoder.layers.0.layer_norm1.weight"),
        ("text_model.", ""),
        clip_text.table,
        clip_text.arguments,
        unused=lambda arguments: clip_text.IGNORED,
    ),
    Naming(
        "pvdm_autoencoder",
        "autoencoder",
        "pvdm",
        ("xy_token", "encoder.to_patch_embedding.weight"),
        ("", "module."),
        pvdm_autoencoder.table,
        pvdm_autoencoder.arguments,
        unused=lambda arguments: pvdm_autoencoder.BUFFERS,
    ),
    Naming(
        "pvdm_unet",
        "unet",
        "pvdm",
        ("input_blocks.0.0.weight", "input_attns.1.qkv.weight"),
        ("diffusion_model.", "module.diffusion_model.", "", "module."),
        pvdm_unet.table,
        pvdm_unet.arguments,
        unused=lambda arguments: pvdm_unet.BUFFERS,
    ),
]
LAYOUTS = ("lvdm", "diffusers", "pvdm")


class Placed(NamedTuple):
    """A component that a file holds, behind a prefix of its tensors' names."""

    naming: Naming
    prefix: str


def found(names: Iterable[str], layout: str | None = None) -> list[Placed]:
    """The components that tensors of these names make up; of one layout only, if it is given."""
    there = set(names)
    return [
        Placed(naming, prefix)
        for naming in NAMINGS
        if layout in (None, naming.layout)
        for prefix in naming.prefixes
        if all(prefix + sign in there for sign in naming.signs)
    ]


def naming_of(component: str, layout: str) -> Naming:
    """How a layout names a component."""
    return next(n for n in NAMINGS if (n.component, n.layout) == (component, layout))


def fits(name: str, layout: str, arguments: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a tensor that inference does not use has a place in files of a layout, of networks
    with these arguments."""
    if layout == "lvdm" and matches(name, UNUSED):
        return True
    return any(is_beside(name, component, layout, arguments[component]) for component in arguments)


def is_beside(name: str, component: str, layout: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a tensor that inference does not use belongs to a component of these arguments."""
    kind = naming_of(component, layout)
    inside = name.removeprefix(kind.home)
    return name.startswith(kind.home) and matches(inside, kind.unused(arguments))
