from __future__ import annotations

import ast
import gc
import re
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from qiskit_modes.caches import BoundedCache, FactCache, PerObject, read_only
from tests.source_trees import ROOT, tree_of


def test_the_least_recently_used_entry_goes_first():
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert len(cache) == 2


def test_an_entry_can_be_replaced():
    cache: BoundedCache[str, int] = BoundedCache(1)
    cache.put("a", 1)
    cache.put("a", 2)
    assert cache.get("a") == 2


def test_a_cache_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one entry"):
        BoundedCache(0)


def test_a_value_is_kept_while_its_facts_are_what_they_were():
    now = {"a": 1, "b": 2}
    source = SimpleNamespace(facts={"a": 1}, fact=now.get)
    cache: FactCache[str, str] = FactCache(2)
    assert cache.get("x", source) is None
    cache.put("x", "made of a", source)
    now["b"] = 3
    assert cache.get("x", source) == "made of a"
    now["a"] = 4
    assert cache.get("x", source) is None


class Equal:
    """Equal to all others of its kind."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    def __hash__(self) -> int:
        return 1


def test_each_object_has_its_own_and_it_goes_with_the_object():
    kept: PerObject[list[int]] = PerObject(list)
    one, other = Equal(), Equal()
    kept.of(one).append(1)
    assert (kept.of(one), kept.of(other)) == ([1], [])
    reference = weakref.ref(one)
    del one
    gc.collect()
    assert reference() is None
    assert len(kept._known) == 1
    assert kept.of(3) is not kept.of(3)  # a number cannot be referred to weakly


def test_what_many_get_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        read_only(np.zeros(2))[0] = 1


# -- the table -----------------------------------------------------------------------------------

TABLE = ROOT.parent / "docs" / "caches.md"
MAKERS = {"BoundedCache", "FactCache", "PerObject", "OrderedDict"}
MAKERS |= {"WeakKeyDictionary", "WeakValueDictionary", "WeakSet"}
DECORATORS = {"cache", "lru_cache", "cached_property"}


def last_name(node: ast.AST | None) -> str:
    match node:
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def assigned(node: ast.AST) -> tuple[str, ast.AST | None]:
    match node:
        case ast.Assign(targets=[target, *_], value=value):
            return last_name(target), value
        case ast.AnnAssign(target=target, value=value):
            return last_name(target), value
    return "", None


def keepers(tree: ast.Module) -> Iterator[str]:
    """Yield the names in a module of what keeps things: caches, and empty containers of its own."""
    for node in ast.walk(tree):
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
        if DECORATORS.intersection(map(last_name, decorators)):
            yield node.name
        name, value = assigned(node)
        made = {last_name(value)} if isinstance(value, ast.Call) else set()
        if made == {"field"}:
            assert isinstance(value, ast.Call)
            made = {last_name(keyword.value) for keyword in value.keywords}
        if made & MAKERS:
            yield name
    for node in tree.body:
        name, value = assigned(node)
        if isinstance(value, ast.Dict) and not value.keys:
            yield name
        if isinstance(value, ast.List | ast.Set) and not value.elts:
            yield name


def test_every_cache_has_its_row_and_every_row_its_cache():
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        # The rules are pure, and what stands in `caches` are the means of all the others.
        if not module.startswith("scheduling.") and module != "caches":
            found |= {f"{module}.{name}" for name in keepers(tree_of(path))}
    written = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)*\.[a-zA-Z_]+)`", TABLE.read_text()))
    written -= {"simulator.noise_model"}
    assert found == written
