"""How the documentation becomes pages: `make docs`, warnings are errors."""

from pygments.lexers import get_lexer_by_name
from sphinx.highlighting import lexers

from kirmash import __version__

project = "Kirmash"
author = "The Kirmash authors"
copyright = "The Kirmash authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The rule pages number their own sections, from the third level down.
suppress_warnings = ["myst.header"]

# JSON Lines: one object a line.
lexers["jsonl"] = get_lexer_by_name("json")

html_theme = "furo"
html_title = f"Kirmash {__version__}"
html_copy_source = False
html_show_sphinx = False
