"""The public name of exported minima: ``badminima.zoo.load("zoo")``; see :mod:`badminima.results.zoo`."""

from badminima.results.card import Card
from badminima.results.zoo import Minimum, Zoo, load

__all__ = ["Card", "Minimum", "Zoo", "load"]
