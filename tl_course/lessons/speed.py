"""How fast this machine trains the five-layer network, and how long a notebook takes on it."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from markupsafe import Markup

from tl_course.base import machine
from tl_course.base.html import table
from tl_course.core import network

TOO_LONG = 600  # seconds, from which on the learner is told what to do
BUSY = 1.3  # times as long, from which on the learner is told that other programs are busy
REFERENCE = 2000.0  # images per second with one thread, on a machine with two free cores and bf16
# Wall-clock seconds for which each notebook computes there at budget laptop.
SECONDS = {
    "00": 12, "01": 55, "02": 85, "03": 75, "04": 124, "05": 90, "06": 25, "07": 60,
    "08": 52, "09": 85, "10": 10, "11": 30,
}  # fmt: skip


class Speed(NamedTuple):
    """How fast this machine trains the five-layer network."""

    images: float  # per second, with one thread, while no other program is busy
    busy: float = 1.0  # how many times as long it takes while other programs run as now

    def seconds(self, number: str) -> float:
        """How many seconds a notebook computes here at budget laptop if nothing else is busy."""
        return SECONDS[number] * max(0.2, REFERENCE / self.images)

    def most(self, number: str) -> float:
        """The seconds that it may take while other programs are as busy as now."""
        return self.seconds(number) * self.busy

    def how_long(self, number: str, more: str = "") -> str:
        """Both times in words, then `more`, and advice if the notebook takes long."""
        most = self.most(number)
        free, longest = map(machine.time_in_words, (self.seconds(number), most))
        sentence = f"This notebook will compute for about <b>{free}</b>"
        wait = ""
        if self.busy >= BUSY:
            sentence += f", up to <b>{longest}</b> while other programs are busy"
            wait = "it is worth waiting until they are done. Or "
        if most >= TOO_LONG:
            more += f' That is long: {wait}set budget = "quick" in the cell that sets it.'
        return f"{sentence}.{more}"

    def times(self) -> Markup:
        """How long each notebook computes, as an HTML table."""
        ways = {"computes for, on this machine": self.seconds}
        if self.busy >= BUSY:
            ways["up to, while other programs are as busy as now"] = self.most
        rows = [
            (number, *(machine.time_in_words(way(number)) for way in ways.values()))
            for number in SECONDS
        ]
        return table(rows, ("notebook", *ways))


def measured(seconds: float = 0.5) -> Speed:
    """The speed of a few training steps, by the processor's clock.

    Other programs hardly change that clock. All threads compute at the same time, each for itself.
    If they and other programs need more cores than there are, wall-clock time passes faster than
    processor time, and `busy` is their ratio.
    """
    device = machine.device()
    bf16, is_cpu = machine.has_fast_bf16(device), device.type == "cpu"
    size = 64 if is_cpu else 256
    x = torch.randn(size, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(1000, (size,), device=device)

    def steps(_: int) -> machine.Timed:
        net = network.FiveLayerNet().to(device, memory_format=torch.channels_last)

        def step() -> float:
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                scores = net(x)
            loss = F.cross_entropy(scores.float(), y)
            loss.backward()
            return loss.item()  # waits for the device

        return machine.timed(step, seconds)

    every = machine.in_threads(steps, range(machine.threads()) if is_cpu else [0], device)
    mine, wall = (sum(times) / len(every) for times in zip(*every, strict=True))
    return Speed(size / mine, max(1.0, wall / mine)) if is_cpu else Speed(size / wall)
