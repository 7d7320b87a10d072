"""The page ``docs/options.md``, made of the table of options.

``python -m tests.primitives.options_page`` writes it; `test_option_table.py` checks that it is what
the table says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qiskit_modes.primitives.options.table import PROGRAMS, SECTIONS, Refused, Renamed, Row, Tunes

PAGE = Path(__file__).parent.parent.parent / "docs" / "options.md"

_CLASSES = {
    "sampler": "`SamplerV2`",
    "estimator": "`EstimatorV2`",
    "executor": "`Executor`",
    "noise-learner": "`NoiseLearnerV3`",
    "older-noise-learner": "`NoiseLearner`",
}

_HEAD = """\
# Options

What each option of each primitive does here. Written by `python -m tests.primitives.options_page`
from the table by which options are judged, `qiskit_modes/primitives/options/table.py`; do not edit
it here. Names, classes and defaults are those of `qiskit_ibm_runtime.options_models`.

* An option that **acts** always counts.
* One that **tunes** something counts while that is on. Where it is off, setting the option is an
  `OptionWithoutEffectWarning`, and nothing at all for a request of the service's client.
* One that is **refused** has its default here and no other value: `run()` raises
  `UnsupportedOptionError` with the reason. So it does with every option that stands in no row, such
  as one of a newer release, and with values that are not among those of a row.
  `QISKIT_MODES_UNSUPPORTED_OPTIONS=warn` makes warnings of these errors.

The options of an `AerSimulator` are another matter: see the [differences](differences.md).
"""


def page() -> str:
    """Return the page's text."""
    return "\n".join([_HEAD, *_sections()]).rstrip() + "\n"


def _sections() -> Iterator[str]:
    for title, rows in SECTIONS.items():
        yield f"## {title}\n"
        yield "| option | of | | what it does here |"
        yield "| --- | --- | --- | --- |"
        yield from (_line(row) for row in rows)
        yield ""


def _line(row: Row) -> str:
    match row:
        case Refused():
            kind, says = "refused", f"{row.why[0].upper()}{row.why[1:]}. {row.remedy}."
        case Renamed():
            kind, says = (
                ("older name" if row.taken else "refused"),
                row.says.removeprefix("Refused: "),
            )
        case Tunes():
            kind, says = f"tunes {row.feature.name}", row.says
        case _:
            kind, says = "acts", row.says
    values = getattr(row, "values", ())
    if values:
        says += f" One of {', '.join(f'`{value!r}`' for value in values)}."
    return f"| `{row.path}` | {_programs(row)} | {kind} | {says[0].upper()}{says[1:]} |"


def _programs(row: Row) -> str:
    if set(row.programs) == set(PROGRAMS):
        return "all"
    return ", ".join(_CLASSES[program] for program in PROGRAMS if program in row.programs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
