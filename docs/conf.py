"""Sphinx: Markdown pages by MyST, the API from docstrings. Builds without a network."""

import re
from importlib.metadata import version as installed_version
from typing import Any

project = "neurodrift"
author = "The neurodrift developers"
copyright = "2026, The neurodrift developers"
version = release = installed_version("neurodrift")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]
smartquotes_action = "qe"  # quotes and ellipses; of two dashes would become one, and --data be no option
html_theme = "furo"
html_title = "neurodrift"
html_static_path = ["_static"]
html_css_files = ["neurodrift.css"]
pygments_style = "friendly"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give shapes and units, which types do not
autodoc_preserve_defaults = True


def _as_list(paragraph: list[str]) -> list[str]:
    """A paragraph of "name: text" lines with indented continuations, as an RST list; any other as it is."""
    starts = [i for i, line in enumerate(paragraph) if re.match(r"\w[\w, ]*:\s+\S", line)]
    hanging = any(line.startswith(" ") for line in paragraph)
    if not starts or starts[0] != 0 or (len(starts) < 2 and not hanging):
        return [line.strip() for line in paragraph]
    out: list[str] = []
    for i, line in enumerate(paragraph):
        if i in starts:
            name, _, text = line.partition(":")
            out.append(f"- **{name}**: {text.strip()}")
        else:
            out.append(f"  {line.strip()}")
    return out


def _escaped(line: str) -> str:
    """Stars, bars and trailing underscores taken literally, except within ``code`` and roles."""
    parts = re.split(r"(``.*?``|:\w+:`[^`]*`)", line)
    return "".join(part if i % 2 else re.sub(r"([*|]|(?<=\w)_(?=\W|$))", r"\\\1", part) for i, part in enumerate(parts))


def _docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are written to be read in an editor; this is the little that RST wants besides."""
    out: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        block = [line for line in paragraph.split("\n") if line.strip()]
        literal = block and (block[0].startswith((">>>", "    ")) or (out and out[-2:-1] and out[-2].endswith("::")))
        out += block if literal else _as_list([_escaped(line) for line in block])
        out.append("")
    lines[:] = out


def _skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields of NamedTuples: their docstrings say "Alias for field number 0"; the class's own says what they are."""
    if str(getattr(obj, "__doc__", "") or "").startswith("Alias for field number"):
        return True
    return None


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-skip-member", _skip)
