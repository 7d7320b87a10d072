from __future__ import annotations

import pytest

from qiskit_modes.caches import BoundedCache


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
