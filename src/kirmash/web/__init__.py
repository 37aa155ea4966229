"""The faces: pages for people, rendered on the server, live by server-sent events, readable without a script.

A door above `gateway`: it asks `Services` as REST does and gives nobody more than REST does. No rule of the market, no
SQL and no text in a human language stands in its Python or templates; texts are in `texts/*.toml`.
"""

from kirmash.web.site import Site

__all__ = ["Site"]
