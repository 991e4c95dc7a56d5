"""Machines with a name, and what a device of theirs can do: for estimates before anything runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hardware:
    """One device. peak: bf16 FLOP/s of dense matrix products, as its maker says. share: of the peak
    that networks of convolutions, linear layers and small attentions reach in practice. memory:
    bytes. bandwidth: of that memory, bytes per second. link: bytes per second that it receives from
    other devices. alone: it is one machine's processor, and simulated devices share it.
    """

    title: str
    peak: float
    share: float
    memory: float
    bandwidth: float
    link: float
    alone: bool = False

    @property
    def rate(self) -> float:
        """FLOP/s in practice."""
        return self.peak * self.share


HARDWARE = {
    "h200": Hardware("H200, NVLink", 989e12, 0.38, 141e9, 4.8e12, 400e9),
    "h100": Hardware("H100 SXM, NVLink", 989e12, 0.36, 80e9, 3.35e12, 400e9),
    "a100": Hardware("A100 80GB, NVLink", 312e12, 0.5, 80e9, 2.0e12, 250e9),
    "6000ada": Hardware("RTX 6000 Ada, PCIe 4", 364e12, 0.27, 48e9, 0.96e12, 25e9),
    "cpu": Hardware("2 CPU cores, float32", 0.33e12, 0.8, 24e9, 50e9, 10e9, alone=True),
}
"""Shares are what published runs of such networks reach; for the processor, what this project
measured."""

USABLE = 0.92
"""Of a device's memory; the rest is its driver's and what falls between arrays."""


def seconds(device: Hardware, devices: int, flops: float, read: float, received: float) -> float:
    """Of a step on `devices` devices in which each computes `flops`, reads at least `read` bytes of
    its memory and receives `received` bytes, which nothing hides."""
    together = devices if device.alone else 1
    return together * max(flops / device.rate, read / device.bandwidth) + received / device.link
