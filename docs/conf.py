"""How the documentation is made: `scripts/docs` calls it, and any warning is an error."""

import importlib
import shutil
from pathlib import Path

import qiskit_modes

DOCS = Path(__file__).parent

# Sphinx reads what lies below this folder; the notebooks are at home where users look for them.
shutil.copytree(DOCS.parent / "tutorials", DOCS / "tutorials", dirs_exist_ok=True)

project = "qiskit_modes"
author = "the qiskit_modes developers"
copyright = "2026, the qiskit_modes developers"  # noqa: A001 - Sphinx's name
version = release = qiskit_modes.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "qiskit_sphinx_theme",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

html_theme = "qiskit-ecosystem"
html_title = f"qiskit_modes {release}"
html_static_path = ["_static"]
html_css_files = ["extra.css"]

# -- pages -----------------------------------------------------------------------------------------

myst_heading_anchors = 3
nb_execution_mode = "off"  # the stored outputs are shown; tests execute the notebooks

# -- docstrings ------------------------------------------------------------------------------------

default_role = "py:obj"  # what stands in single backticks is a name
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# -- names that are not documented here ------------------------------------------------------------

# What prose refers to must be there. Annotations also name what is inside, or of other packages,
# whose documentation is not fetched: a build needs no network.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"[^ ]*"),
    (
        "py:(obj|exc)",
        r"(qiskit|qiskit_aer|qiskit_ibm_runtime|samplomatic|numpy|concurrent|dask)\b.*",
    ),
    ("py:obj", r"(AerSimulator|contextvars|warnings\.warn|QuantumProgram)"),
    ("py:exc", r"(Runtime\w+|IBM\w+|QiskitBackendNotFoundError|[A-Z]\w*Error|KeyboardInterrupt)"),
]


def keep_sentences(app, what, name, obj, options, lines):  # noqa: ARG001 - Sphinx's signature
    """Keep Napoleon from taking "What it is: and more", said of a field, for a type and a text.

    It looks at the first line only, so that gets one without anything to see.
    """
    if what in ("attribute", "property", "data"):
        lines.insert(0, "\N{ZERO WIDTH SPACE}")


def find_reference(app, env, node, contnode):
    """Find what is documented under another module than the one that refers to it.

    A dotted name of this package that exists is fine too, although it is not documented.
    """
    name = node.get("reftarget", "")
    domain = env.get_domain("py")
    known = [full for full in domain.objects if full.endswith(f".{name}")]
    if node.get("refdomain") == "py" and known:
        found = min(known, key=len)
        return domain.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], found, node, contnode
        )
    if name.startswith("qiskit_modes."):
        module, _, attribute = name.rpartition(".")
        return contnode if hasattr(importlib.import_module(module), attribute) else None
    return None


def setup(app):
    """Connect what is defined here; before Napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)
    app.connect("missing-reference", find_reference)
