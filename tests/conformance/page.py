"""The page ``docs/conformance.md``, made of the rules."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.rules import HERE, Rule, client_proofs, proofs, rules, sources, themes

PAGE = HERE.parent.parent / "docs" / "conformance.md"

_HEAD = """\
# Conformance

The rules of job, batch and session mode that this package keeps, each with its source and its test.
Written by `python -m tests.conformance` from `tests/conformance/rules.toml`; do not edit it here.
`pytest tests/conformance -k s07` shows that rule S07 holds.

* **door**: *native* for this package's own classes, *client* for the service's client on top of
  this package, or both. Rules of the client's door alone are about requests, polling or its backend
  objects; their tests are in `tests/conformance/test_client.py`. The others are tested through the
  native door, and `tests/contract` runs the same scenarios through every door.
* **strength** of the source: **D** stated in current documentation, **C** read in the client's
  code, **O** in older texts or issues only, **I** inferred.
* **as documented**, or the **emulator's decision**: where sources are silent or contradict each
  other, or where users reported what upstream does as a bug.
"""


def page() -> str:
    """Return the page's text."""
    return "\n".join([_HEAD, *_summary(), *_themes(), *_sources()]) + "\n"


def _summary() -> Iterator[str]:
    everything = rules()
    native = sum(rule.is_native for rule in everything)
    decided = sum(rule.decision for rule in everything)
    yield (
        f"{len(everything)} rules; {native} are tested at the native door, "
        f"{len(everything) - native} at the client's. {decided} are decisions.\n"
    )


def _themes() -> Iterator[str]:
    names = {id: name for id, _, name in proofs()} | dict(client_proofs())
    for theme, title in themes().items():
        yield f"## {title}\n"
        yield f"Tests: `tests/conformance/test_{theme}.py`.\n"
        yield "| id | rule | door | source | | test |"
        yield "| --- | --- | --- | --- | --- | --- |"
        yield from (_row(rule, names) for rule in rules() if rule.theme == theme)
        yield ""


def _row(rule: Rule, names: dict[str, str]) -> str:
    basis = "emulator's decision" if rule.decision else "as documented"
    test = f"`{names[rule.id]}`" if rule.id in names else ""
    source = f"{rule.source} ({rule.strength})" if rule.source else f"({rule.strength})"
    return f"| {rule.id} | {rule.rule} | {rule.door} | {source} | {basis} | {test} |"


def _sources() -> Iterator[str]:
    yield "## Sources\n"
    yield "| tag | what |"
    yield "| --- | --- |"
    yield from (f"| {tag} | {title} |" for tag, title in sources().items())
