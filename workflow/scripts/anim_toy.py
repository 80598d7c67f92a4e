"""Animate how the toy's boundaries change.

Args:
    networks: the experiment's networks.
    gif: output: the animation.
"""

from badminima.cli import Input, Output, command
from badminima.toy.data import read_networks
from badminima.toy.figure import animate_toy


@command
def anim_toy(networks: Input, gif: Output) -> None:
    animate_toy(read_networks(networks), gif)
