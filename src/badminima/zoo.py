"""The public name of exported minima; see :mod:`badminima.results.zoo`.

``badminima.zoo.example()`` opens those that the library brings along, ``badminima.zoo.load("zoo")`` a folder of yours.
"""

from badminima.results.export import Card
from badminima.results.zoo import Minimum, Verified, Zoo, example, load

__all__ = ["Card", "Minimum", "Verified", "Zoo", "example", "load"]
