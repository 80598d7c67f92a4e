"""Parts of a seed: which of them the inits of a table fix, so that the others vary alone.

A run's seed selects its random weights, its confusing set and the order of its images. An adversarial init may fix
the first two (``seed`` of its random init, ``confusing_seed``); then the run's seed selects the order alone.

Pure and fast: no torch, no file access.
"""

from badminima.config import AdversarialInit, Config, RandomInit, Section, TableConfig


class SeedParts(Section):
    """The seeds that an adversarial init fixes.

    Attributes:
        weights: of the random weights that its pretraining starts from.
        confusing: of its confusing set.
    """

    weights: int
    confusing: int


def parts_of(config: Config, table: TableConfig) -> dict[str, SeedParts] | None:
    """Return the seeds that each init of a table fixes; None if they don't cross the parts of a seed.

    They do if they are adversarial, differ in these seeds alone, there is one for each pair of at least two seeds of
    both, and the study trains all of them by the table's recipes with at least two seeds.
    """
    study = config.studies[table.study]
    recipes = table.recipes or study.recipes
    found, alike = {}, set()
    for name in table.inits or study.inits:
        entry = config.inits[name]
        start = config.inits[entry.start] if isinstance(entry, AdversarialInit) else None
        if not isinstance(entry, AdversarialInit) or not isinstance(start, RandomInit):
            return None
        if entry.confusing_seed is None or start.seed is None or not all(study.has(name, each) for each in recipes):
            return None
        found[name] = SeedParts(weights=start.seed, confusing=entry.confusing_seed)
        alike.add((entry.model_dump_json(exclude={"start", "confusing_seed"}), start.model_dump_json(exclude={"seed"})))
    pairs = {(parts.weights, parts.confusing) for parts in found.values()}
    weights, confusing = ({pair[place] for pair in pairs} for place in (0, 1))
    crossed = len(found) == len(pairs) == len(weights) * len(confusing)
    several = min(len(weights), len(confusing), len(study.seeds)) > 1
    return found if crossed and several and len(alike) == 1 else None
