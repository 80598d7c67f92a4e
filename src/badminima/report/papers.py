"""Statements of the papers beside our claims: which paper makes them, and numbers that were read at their source."""

from dataclasses import dataclass

LIU = "Liu, Papailiopoulos & Achlioptas 2020"
DAMIAN = "Damian, Ma & Lee 2021"
NOBODY = "not in the papers"


@dataclass(frozen=True)
class Passage:
    """A paper's statement about a claim.

    Attributes:
        where: the place in it.
        says: the words or the number there.
    """

    where: str
    says: str


# Claims of one target: what they are about, and whose they are.
GROUPS = {
    "1": ("SGD reaches a bad minimum", LIU),
    "size": ("How much the start costs", LIU),
    "2": ("All three regularizers lead out of it", LIU),
    "3": ("Two regularizers are enough, one is not", LIU),
    "4": ("The way out is long", LIU),
    "5": ("Bad minima are complex and fragile", LIU),
    "6": ("More copies make a worse minimum", LIU),
    "7": ("The same in the plane", LIU),
    "b": ("Label noise leads to flatter minima", DAMIAN),
    "control": ("What the random labels do, and what norms, logits and time do", NOBODY),
}

ABSTRACT = "abstract, arXiv:1906.02613v1"
# By a claim's number. Data and networks differ from those of a small preset: compare signs, not sizes.
PASSAGES = {
    "1a": Passage(ABSTRACT, "zero training error on CIFAR, CINIC10 and (Restricted) ImageNet"),
    "1b": Passage(ABSTRACT, "test accuracy lower by up to 40%"),
    "size": Passage(ABSTRACT, "test accuracy lower by up to 40%"),
    "2": Passage(ABSTRACT, "no effect on the test accuracy"),
}
