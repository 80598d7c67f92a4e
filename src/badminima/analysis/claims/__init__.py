"""The papers' claims: each one's statement, the runs that it needs, its evidence, its estimate, its verdict.

- Holds: ``statements`` (all claims; ``claim`` is the type), ``grids`` (which runs each needs), ``evidence`` (these
  runs, why they may not decide, the estimate), ``verdicts``.
- Imports: ``config``, ``experiment``; ``evidence`` and ``verdicts`` ``analysis`` too.
- Others use: the claims from here, ``grids`` (rules: no torch, no pandas), ``evaluate_claims``.
"""

from badminima.analysis.claims.claim import Claim, Role, Scale
from badminima.analysis.claims.statements import CLAIMS

__all__ = ["CLAIMS", "GROUPS", "Claim", "Role", "Scale", "claims_of"]

GROUPS = tuple(dict.fromkeys(claim.group for claim in CLAIMS))


def claims_of(group: str) -> list[Claim]:
    """Return the claims of one target, ``claim_{group}``; all of them are read from the same study."""
    return [claim for claim in CLAIMS if claim.group == group]
