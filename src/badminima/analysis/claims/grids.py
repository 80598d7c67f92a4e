"""Which runs each claim needs: the settings of verdicts, and of the tables that one target needs alone.

Pure and fast: no torch, no file access.
"""

from typing import Self, get_args

from pydantic import Field

from badminima.analysis.claims import CLAIMS, GROUPS, Claim, Role, claims_of
from badminima.config import AdversarialInit, Config, RunInit, Section, StatisticsConfig, StudyConfig
from badminima.config.options import TraceOptions
from badminima.experiment.plan import TargetRuns
from badminima.experiment.runs import pretrained_inits, pretraining_behind, study_runs
from badminima.experiment.settings import CollectSettings

FEW_REPLICATIONS = "fewer than two adversarial inits that differ in R alone"


class ClaimsSettings(Section):
    """Settings of the verdicts, beside the studies' tables.

    Attributes:
        studies: the grid that each kind of claim is read from; the toy's runs are a grid too.
        figures: the name of the figure that shows a claim, if there is one, by the claim's number.
        behind: the pretraining behind each init.
        ends: the inits that are end points of runs, which claims take for minima.
        lacking: why its study cannot decide a claim, whatever the runs say, by the claim's number.
        replications: the inits of claim 6, with their R.
    """

    # Raise it when verdicts change; 4: the scale control is described as it is.
    revision: int = 4
    studies: dict[Role, StudyConfig] = Field({})
    figures: dict[str, str | None] = Field({})
    behind: dict[str, str | None] = Field({})
    ends: list[str] = Field([])
    lacking: dict[str, str] = Field({})
    replications: dict[str, int] = Field({})
    statistics: StatisticsConfig
    root_seed: int

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return the settings of ``claims``."""
        studies = claimed_studies(config)
        inits = dict.fromkeys(init for study in studies.values() for init in study.inits)
        # The toy's inits are called as those of networks are, whether the config has these or not.
        behind: dict[str, str | None] = {"adversarial": "adversarial"}
        behind |= {init: pretraining_behind(config, init) for init in inits if init in config.inits}
        return cls(
            studies=studies,
            figures={claim.number: _figure(config, claim) for claim in CLAIMS},
            behind=behind,
            ends=[init for init in inits if isinstance(config.inits.get(init), RunInit)],
            lacking={claim.number: reason for claim in CLAIMS if (reason := lacking(config, claim)) is not None},
            replications=replications(config),
            statistics=config.statistics,
            root_seed=config.seed,
        )


def claimed_study(config: Config, role: Role) -> str | None:
    """Return the name of the study that some claims are read from, if it is configured; the toy is none."""
    if role == "toy":
        return None
    return getattr(config.claims, role) or (config.claims.study if role == "control" else None)


def claimed_studies(config: Config) -> dict[Role, StudyConfig]:
    """Return the grids that claims are read from, as far as the config has them."""
    named = {role: claimed_study(config, role) for role in get_args(Role)}
    studies: dict[Role, StudyConfig] = {role: config.studies[name] for role, name in named.items() if name is not None}
    if config.toy is not None:
        studies["toy"] = StudyConfig(
            question="What do the boundaries of bad minima look like?",
            datasets=["toy"],
            models=["mlp"],
            inits=["random", "adversarial"],
            recipes=list(config.toy.runs),
            seeds=config.toy.seeds,
        )
    return studies


def lacking(config: Config, claim: Claim) -> str | None:
    """Why a claim's study cannot decide it: a cell that is not in its grid, or a diagnostic that is not configured."""
    study = claimed_studies(config).get(claim.study)
    if study is None:
        return None  # this must hold for every claim of the group
    cells = claim.cells_among(replications(config))
    if not claim.cells and len(cells) < 2:
        return FEW_REPLICATIONS
    for init, recipe in cells:
        if not study.has(init, recipe):
            return f"no runs of {init}, {recipe}"
    if claim.diagnostic is not None and claim.diagnostic not in config.diagnostics:
        return f"{claim.diagnostic} is not among the diagnostics"
    measured = TraceOptions(**config.measuring.options.get("trace", {})).flip_probability
    for _, recipe in claim.cells if claim.divisor else ():
        if config.recipes[recipe].label_noise != measured:
            return f"trace measures flips of probability {measured:g}, {recipe} has another"
    return None


def unconfigured(role: Role) -> str:
    """Say that a config has nothing that claims of some role are read from."""
    if role == "toy":
        return "no toy is configured (toy)"
    return f"no study of {role.replace('_', ' ')} is configured (claims.{role})"


def undecidable(config: Config, group: str) -> str | None:
    """Say why a config can decide none of one target's claims; None where it can decide any."""
    claims = claims_of(group)
    if claims[0].study not in claimed_studies(config):
        return unconfigured(claims[0].study)
    reasons = [lacking(config, claim) for claim in claims]
    return None if None in reasons else reasons[0]


def collect_claim_settings(config: Config, group: str) -> CollectSettings | None:
    """Return the settings of the tables that one target's claims need; None where its study can decide none."""
    study = claimed_studies(config).get(claims_of(group)[0].study)
    claims = [claim for claim in claims_of(group) if lacking(config, claim) is None]
    if study is None or not claims or claims[0].study == "toy":
        return None
    found = [*claims, *(claim.against_control for claim in claims if claim.against_control)]
    needed = {cell for claim in found for cell in claim.cells_among(replications(config)) if study.has(*cell)}
    inits, recipes = (
        [name for name in names if name in used]
        for names, used in zip((study.inits, study.recipes), zip(*needed, strict=True), strict=True)
    )
    cells = {init: [recipe for recipe in recipes if (init, recipe) in needed] for init in inits}
    part = study.model_copy(update={"inits": inits, "recipes": recipes})
    return CollectSettings(
        study=part,
        cells=cells,
        measured=any(claim.diagnostic for claim in claims),
        pretrained=pretrained_inits(config, part),
        statistics=config.statistics,
        root_seed=config.seed,
    )


def claim_targets(config: Config) -> dict[str, TargetRuns]:
    """Return the runs that each target of claims needs, by its name; those of the toy train no network of a study."""
    return {
        f"claim_{group}": TargetRuns(study_runs(chosen.study, chosen.cells), chosen.measured)
        for group in GROUPS
        if (chosen := collect_claim_settings(config, group)) is not None
    }


def replications(config: Config) -> dict[str, int]:
    """Return the adversarial inits of the replication study that differ in R alone, with their R, smallest first.

    Where the study varies something else too, the largest such family counts, the first of equals.
    """
    if config.claims.replication is None:
        return {}
    families: dict[str, dict[str, int]] = {}
    for name in config.studies[config.claims.replication].inits:
        entry = config.inits[name]
        if isinstance(entry, AdversarialInit):
            families.setdefault(entry.model_dump_json(exclude={"replication"}), {})[name] = entry.replication
    family = max(families.values(), key=len, default={})
    return dict(sorted(family.items(), key=lambda item: item[1]))


def _figure(config: Config, claim: Claim) -> str | None:
    """Return the configured figure that shows a claim best, if there is one."""
    if claim.study == "toy":
        return None if config.toy is None else "toy"
    study = claimed_study(config, claim.study)
    kinds = {name: figure.kind or name for name, figure in config.figures.items() if figure.study == study}
    return next((name for kind in claim.figures for name in kinds if kinds[name] == kind), None)
