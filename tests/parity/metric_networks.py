"""PVDM's discriminators, LPIPS, I3D and C3D in PyTorch, small, in float64, on formula weights.

Written from their description, with the public names of tensors. Needs torch.

    python -m tests.parity.metric_networks

writes what they put out to tests/data/metric_networks.npz; torch 2.13.0 when it was recorded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.parity.formula import normal, weight
from tests.paths import DATA

FILE = DATA / "metric_networks.npz"
WIDTH = 2
"""Of the discriminators."""
VGG = ((2, 3, 4, 5, 3), (2, 2, 3, 3, 3))
STEM, CLASSES = (4, 5, 6), 7
MIXED = tuple((3, 2, 4, 2, 3, 1 + n % 3) for n in range(9))
"""Channels of I3D. Branches differ, so that none can stand for another."""
C3D = {
    "classes": 5,
    "widths": (3, 4, 5, 4, 6, 5, 4, 6),
    "hidden": 9,
    "frames": 16,
    "size": 56,
    "mean": (16, 72, 70),
}
FRAMES = 0.6 * normal(1, 2, 3, 10, 13)
CLIPS = 0.6 * normal(2, 1, 3, 5, 10, 13)
PICTURES = np.tanh(normal(3, 2, 2, 3, 35, 33))
"""Two pairs."""
ACTIONS = np.tanh(normal(4, 2, 3, 18, 40, 51))
SMALL = np.tanh(normal(5, 1, 3, 16, 23, 19))


def value(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor by the formula of its name; variances are positive."""
    x = weight(key, shape)
    return np.exp(x) if key.endswith("running_var") else x


def discriminator(axes: int) -> list[np.ndarray]:
    """All maps, while training."""
    import torch
    from torch import nn

    conv = nn.Conv2d if axes == 2 else nn.Conv3d
    norm = nn.BatchNorm2d if axes == 2 else nn.BatchNorm3d
    widths = [3, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH, 1]
    stages = nn.Module()
    for n, stride in enumerate((2, 2, 2, 1, 1)):
        layers = [conv(widths[n], widths[n + 1], 4, stride, 2)]
        layers += [norm(widths[n + 1])] if n in (1, 2, 3) else []
        layers += [nn.LeakyReLU(0.2)] if n < 4 else []
        setattr(stages, f"model{n}", nn.Sequential(*layers))
    _fill(stages)
    maps, x = [], torch.tensor(FRAMES if axes == 2 else CLIPS)
    with torch.no_grad():
        for n in range(5):
            x = getattr(stages.train(), f"model{n}")(x)
            maps.append(x.movedim(1, -1).numpy())
    return maps


def lpips() -> np.ndarray:
    """Of each pair."""
    import torch
    from torch import nn

    layers, inputs = [], 3
    for n, (width, depth) in enumerate(zip(*VGG, strict=True)):
        layers += [nn.MaxPool2d(2, 2)] if n else []
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    vgg = nn.Module()
    vgg.features = nn.Sequential(*layers)
    _fill(vgg)
    shift = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64)[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64)[:, None, None]
    ends, total = (3, 8, 15, 22, 29), 0
    x = (torch.tensor(PICTURES) - shift) / scale
    pair = [x[:, 0], x[:, 1]]
    with torch.no_grad():
        for number, layer in enumerate(vgg.features):
            pair = [layer(y) for y in pair]
            if number in ends:
                n = ends.index(number)
                one, other = (y / (y.square().sum(1, True).sqrt() + 1e-10) for y in pair)
                lin = torch.tensor(value(f"lin{n}.model.1.weight", (1, VGG[0][n], 1, 1)))
                apart = nn.functional.conv2d((one - other) ** 2, lin)
                total = total + apart.mean((2, 3))[:, 0]
    return total.numpy()


def i3d() -> np.ndarray:
    """Logits. The last mean is over all rows and columns, as the published one at 224."""
    import torch
    from torch import nn
    from torch.nn import functional

    def padded(x: Any, sizes: tuple[int, ...], steps: tuple[int, ...]) -> Any:
        pads = []
        for size, step, length in zip(sizes, steps, x.shape[2:], strict=True):
            rest = length % step
            total = max(size - (rest or step), 0)
            pads = [total // 2, total - total // 2, *pads]
        return functional.pad(x, pads)

    class Unit(nn.Module):
        def __init__(self, inputs: int, outputs: int, size: int, step: int = 1) -> None:
            super().__init__()
            self.sizes, self.steps = (size,) * 3, (step,) * 3
            self.conv3d = nn.Conv3d(inputs, outputs, size, step, bias=False)
            self.bn = nn.BatchNorm3d(outputs, eps=1e-5)

        def forward(self, x: Any) -> Any:
            return self.bn(self.conv3d(padded(x, self.sizes, self.steps))).relu()

    def largest(x: Any, sizes: tuple[int, ...], steps: tuple[int, ...]) -> Any:
        return functional.max_pool3d(padded(x, sizes, steps), sizes, steps)

    net = nn.Module()
    net.Conv3d_1a_7x7 = Unit(3, STEM[0], 7, 2)
    net.Conv3d_2b_1x1 = Unit(STEM[0], STEM[1], 1)
    net.Conv3d_2c_3x3 = Unit(STEM[1], STEM[2], 3)
    inputs, names = STEM[2], ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
    for name, (a, b, c, d, e, f) in zip(names, MIXED, strict=True):
        block = nn.Module()
        block.b0, block.b1a, block.b2a = Unit(inputs, a, 1), Unit(inputs, b, 1), Unit(inputs, d, 1)
        block.b1b, block.b2b, block.b3b = Unit(b, c, 3), Unit(d, e, 3), Unit(inputs, f, 1)
        setattr(net, f"Mixed_{name}", block)
        inputs = a + c + e + f
    net.logits = nn.Module()
    net.logits.conv3d = nn.Conv3d(inputs, CLASSES, 1)
    _fill(net)
    net.eval()
    pools = {"3b": ((1, 3, 3), (1, 2, 2)), "4b": ((3, 3, 3), (2, 2, 2)), "5b": ((2, 2, 2),) * 2}
    with torch.no_grad():
        x = largest(net.Conv3d_1a_7x7(torch.tensor(ACTIONS)), (1, 3, 3), (1, 2, 2))
        x = net.Conv3d_2c_3x3(net.Conv3d_2b_1x1(x))
        for name in names:
            x = largest(x, *pools[name]) if name in pools else x
            block = getattr(net, f"Mixed_{name}")
            near = largest(x, (3, 3, 3), (1, 1, 1))
            branches = [block.b0(x), block.b1b(block.b1a(x)), block.b2b(block.b2a(x))]
            x = torch.cat([*branches, block.b3b(near)], 1)
        x = functional.avg_pool3d(x, (2, *x.shape[3:]), 1)
        return net.logits.conv3d(x)[..., 0, 0].mean(2).numpy()


def c3d() -> np.ndarray:
    """Logits of a clip, with the pre-processing."""
    import torch
    from torch.nn import functional

    def layer(name: str, shape: tuple[int, ...]) -> list[Any]:
        return [torch.tensor(value(f"{name}/{k}", s)) for k, s in (("W", shape), ("b", shape[:1]))]

    size, hidden, frames = C3D["size"], C3D["hidden"], C3D["frames"]
    x = 128 * torch.tensor(SMALL).flip(1)
    x = functional.interpolate(x, (frames, size, size), mode="trilinear", align_corners=True)
    mean = torch.tensor(value("mean", (3, *C3D["mean"])))
    x = x + 128 - mean[:, :, 8 : 8 + size, 8 : 8 + size]
    names, inputs = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b"), 3
    for name, width in zip(names, C3D["widths"], strict=True):
        x = functional.conv3d(x, *layer(f"conv{name}", (width, inputs, 3, 3, 3)), padding=1).relu()
        inputs = width
        if name not in ("3a", "4a", "5a"):
            window = (1, 2, 2) if name == "1a" else (2, 2, 2)
            x = functional.max_pool3d(x, window, ceil_mode=True)
    x = x.flatten(1)
    x = functional.linear(x, *layer("fc6", (hidden, x.shape[1]))).relu()
    x = functional.linear(x, *layer("fc7", (hidden, hidden))).relu()
    return functional.linear(x, *layer("fc8", (C3D["classes"], hidden))).numpy()


def _fill(module: Any) -> None:
    """Every tensor by the formula of its name."""
    import torch

    module.double()
    for name, tensor in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(torch.tensor(value(name, tuple(tensor.shape))))


PUBLIC: Mapping[str, Callable[[], Any]] = {
    "frames": lambda: discriminator(2),
    "clips": lambda: discriminator(3),
    "lpips": lambda: [lpips()],
    "i3d": lambda: [i3d()],
    "c3d": lambda: [c3d()],
}

if __name__ == "__main__":
    made = {f"{name}/{n}": x for name, run in PUBLIC.items() for n, x in enumerate(run())}
    np.savez_compressed(FILE, **made)
