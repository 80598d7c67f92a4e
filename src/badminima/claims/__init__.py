"""What the papers claim, and which runs each claim needs. Pure and fast: the workflow imports it.

``analysis.paper`` computes a claim's statistic, ``analysis.claims`` reads the verdict off it.
"""

from badminima.claims.claim import Cell, Claim, Region, Role, Scale
from badminima.claims.statements import CLAIMS

__all__ = ["CLAIMS", "GROUPS", "Cell", "Claim", "Region", "Role", "Scale", "claims_of"]

GROUPS = tuple(dict.fromkeys(claim.group for claim in CLAIMS))


def claims_of(group: str) -> list[Claim]:
    """The claims of one target, ``claim_{group}``; all of them are read from the same study."""
    return [claim for claim in CLAIMS if claim.group == group]
