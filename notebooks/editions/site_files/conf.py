"""Sphinx's settings for the site. The folders of pages come from `site.py`."""

from docutils import nodes
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import sentence
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from notebooks.editions.equations import mathml
from notebooks.editions.source import NOTEBOOKS

project = "VTFF, step by step"
html_title = project
language = "en"
extensions = ["myst_nb", "sphinx_copybutton", "sphinxcontrib.bibtex"]

# What a page looks like.
html_theme = "furo"
html_css_files = ["equations.css", "site.css"]
html_favicon = "static/favicon.svg"
html_js_files = [("site.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_copyright = False
copybutton_selector = ".cell_input pre, .highlight-python pre"

# Lessons are shown as they are stored.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_dmath_double_inline = True
myst_heading_anchors = 6
myst_heading_slug_func = "notebooks.editions.site.slug"
# `to:` leads to a file of the site, `at:` to a place in it; neither is Sphinx's to look for.
myst_url_schemes = {
    "http": None,
    "https": None,
    "to": "{{path}}",
    "at": "{{path}}#{{fragment}}",
}

# The bibliography: an entry's anchor and label is its key.
bibtex_bibfiles = [str(NOTEBOOKS / "references.bib")]
bibtex_cite_id = "{key}"


class KeyLabels(BaseLabelStyle):
    """An entry is called by its key."""

    def format_labels(self, entries):
        """Return the label of each entry."""
        return [entry.key for entry in entries]


class ByKey(Style):
    """Entries in the order of the file, and called by their keys."""

    default_label_style = KeyLabels
    default_sorting_style = "none"  # the file is in order

    def format_web_refs(self, entry):
        """Return one way to an entry: its number at arXiv, its DOI or its address."""
        ways = ("eprint", "doi", "url")
        way = next((way for way in ways if way in entry.fields), None)
        return sentence[getattr(self, f"format_{way}")(entry) if way else ""]


register_plugin("pybtex.style.formatting", "by_key", ByKey)


def visit_math(page: HTML5Translator, node: nodes.math) -> None:
    """Write an equation inside a line."""
    page.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(page: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation that stands alone."""
    page.body.append(mathml(node.astext(), block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Have equations written as MathML."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.config.html_math_renderer = "mathml"
