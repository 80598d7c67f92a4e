"""One root seed, many independent named streams of random numbers.

A stream is addressed by its name alone, never by how many streams were opened before it. So adding a
seed, a recipe or a dataset to a study changes no random number of any other run, and a resumed run can
reopen the stream of any epoch. The paper's comparisons are paired: runs that differ only in their init
or their recipe share a seed, and with it the random init, the data order and the augmentation draws.
"""

from hashlib import blake2b

import numpy as np


def stream(root: int, *name: str | int) -> np.random.SeedSequence:
    """Return the seed sequence called ``name`` under the root seed.

    Args:
        root: the experiment's root seed, non-negative.
        name: parts of the stream's name, for example ``("train", "digits", 0, "order", 17)``.
    """
    digest = blake2b(repr(name).encode(), digest_size=16).digest()
    return np.random.SeedSequence([root, *np.frombuffer(digest, dtype="<u4").tolist()])


def generator(root: int, *name: str | int) -> np.random.Generator:
    """Yield a numpy generator that draws from the stream called ``name``."""
    return np.random.Generator(np.random.Philox(stream(root, *name)))


def integer_seed(root: int, *name: str | int) -> int:
    """Return a 63-bit seed for generators that take one integer (torch's), from the stream called ``name``."""
    return int(stream(root, *name).generate_state(1, np.uint64)[0] >> np.uint64(1))
