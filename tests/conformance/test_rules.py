"""The data, the tests and the page belong together."""

import re
from collections import Counter

from tests.conformance.page import PAGE, page
from tests.conformance.rules import DOORS, STRENGTHS, client_proofs, proofs, rules, sources


def test_ids_are_unique():
    assert [id for id, count in Counter(rule.id for rule in rules()).items() if count > 1] == []


def test_every_native_rule_has_one_test_in_its_theme():
    native = sorted((rule.id, rule.theme) for rule in rules() if rule.is_native)
    assert sorted((id, theme) for id, theme, _ in proofs()) == native


def test_every_rule_of_the_client_has_one_test():
    assert sorted(id for id, _ in client_proofs()) == sorted(
        rule.id for rule in rules() if not rule.is_native
    )


def test_rules_are_complete():
    for rule in rules():
        assert rule.door in DOORS, rule.id
        assert rule.strength in STRENGTHS, rule.id
        assert rule.decision or rule.source, f"{rule.id}: who says so?"
        assert rule.rule.endswith("."), rule.id
        assert "|" not in rule.rule, f"{rule.id} would break the table"


def test_sources_are_explained_and_used():
    used = {tag for rule in rules() for tag in re.split(r", |; ", rule.source) if tag}
    issues = {tag for tag in used if re.fullmatch(r"[ID]#\d+", tag)}
    assert used - issues == set(sources()) - {"I#n", "D#n"}


def test_the_page_is_what_the_data_says():
    assert PAGE.read_text() == page(), "run `python -m tests.conformance`"
