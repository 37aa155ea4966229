"""Questions to the views, answered in typed rows (DESIGN: views). Reads only; SQL stands here and in projections.

Everything goes through `Queries`. Whoever asks says for whom: `scope` is the participant whose own rows they are, None
for those who may see everything. What is public takes no scope.
"""

from kirmash.queries.asking import Page, QueryError
from kirmash.queries.queries import Queries

__all__ = ["Page", "Queries", "QueryError"]
