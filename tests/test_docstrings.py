"""Docstrings begin with a verb or a noun, and say which shapes arrays have."""

import ast
import re

import pytest

from tests.source_trees import ROOT, SourceTrees

MODULES = SourceTrees(lambda path: str(path.relative_to(ROOT)))

NEITHER_VERB_NOR_NOUN = re.compile(
    r"(what|who|whom|whose|how|whether|when|where|why|which|if|it|they|so|as|this|that|these|for|of"
    r"|by|in|on|at|to|from|with|is|are|was|were|not|only|here|there)\b",
    re.IGNORECASE,
)
"""First words after which one reads on to learn what is spoken of."""

ARRAY = re.compile(r"\b(NDArray|ndarray|ArrayLike)\b|Array\b")
SHAPE = re.compile(r"\bshapes?\b|\((?:[\w^ ]+, ?)+[\w^ ]*\)")


def named(tree, prefix="", public=True):
    """Yield every function and class with its name, and whether users or colleagues may call it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            callable_ = public and (not node.name.startswith("_") or node.name == "__init__")
            yield f"{prefix}{node.name}", node, callable_
            inside = callable_ and isinstance(node, ast.ClassDef)
            yield from named(node, f"{prefix}{node.name}.", inside)
        elif not isinstance(node, ast.expr):
            yield from named(node, prefix, public)


def first_lines(tree):
    yield "", (ast.get_docstring(tree) or "").partition("\n")[0]
    for name, node, _ in named(tree):
        yield name, (ast.get_docstring(node) or "").partition("\n")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_docstring_begins_with_a_verb_or_a_noun(module):
    lines = [f"{name}: {line}" for name, line in first_lines(MODULES[module])]
    assert not [each for each in lines if NEITHER_VERB_NOR_NOUN.match(each.partition(": ")[2])]


def arrays_of(function):
    """Name the arguments and results that are arrays."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    found = {each.arg: each.annotation for each in arguments} | {"result": function.returns}
    return [name for name, kind in found.items() if kind and ARRAY.search(ast.unparse(kind))]


@pytest.mark.parametrize("module", MODULES)
def test_a_function_of_arrays_states_their_shapes(module):
    classes = {name: node for name, node, _ in named(MODULES[module])}
    for name, node, public in named(MODULES[module]):
        if public and not isinstance(node, ast.ClassDef) and (arrays := arrays_of(node)):
            text = ast.get_docstring(node) or ""
            if node.name == "__init__":  # its arguments stand in the docstring of the class
                text += ast.get_docstring(classes[name.rpartition(".")[0]]) or ""
            assert SHAPE.search(text), f"{name} has arrays without a shape: {arrays}"
