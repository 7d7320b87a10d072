"""``python -m tests.benchmarks.standard_errors``: are reported standard errors true?

Every circuit is run with many seeds. How far the values spread over the seeds is divided by the
median of the standard errors that were reported; 1 is honest. Values of all extrapolators are from
the same jobs.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import generate_preset_pass_manager
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import EstimatorV2, NoiseLearnerV3
from qiskit_modes.primitives.mitigation.extrapolation import NEEDED
from tests.primitives.test_mitigation_helps import CIRCUITS

LOWEST, HIGHEST = 0.85, 1.15
"""Where the ratio has to be."""


@dataclass(frozen=True)
class Setting:
    """Options of an estimator."""

    options: dict[str, Any]
    extrapolators: tuple[str, ...] = ()
    """Those whose values are looked at beside the result's."""
    learns: bool = field(default=False)
    """Whether the noise of layers is given."""


def extrapolating(
    factors: Sequence[float] | None = None, *, many: bool = False, **zne: Any
) -> Setting:
    """All extrapolators for which there are noise factors enough."""
    number = 3 if factors is None else len(factors)
    names = tuple(name for name, needed in NEEDED.items() if needed <= number)
    own = {} if factors is None else {"noise_factors": list(factors)}
    tuned = {**own, "extrapolator": names, "extrapolated_noise_factors": [0.0], **zne}
    options: dict[str, Any] = {"resilience_level": 2, "resilience": {"zne": tuned}}
    if many:
        options["twirling"] = {"num_randomizations": 512, "shots_per_randomization": 8}
    return Setting(options, names, learns=zne.get("amplifier") == "pea")


SETTINGS = {
    "level 0": Setting({"resilience_level": 0}),
    "twirled": Setting({"resilience_level": 0, "twirling": {"enable_gates": True}}),
    "level 1": Setting({"resilience_level": 1}),
    "level 2": Setting({"resilience_level": 2}),
    "level 2, each extrapolator": extrapolating(),
    "level 2, 8 factors": extrapolating((1, 3, 5, 7, 9, 11, 13, 15)),
    "level 2, any factors": extrapolating((1, 1.2, 1.5, 2, 2.4, 3, 3.5, 4)),
    "level 2, few randomisations": Setting(
        {"resilience_level": 2, "twirling": {"num_randomizations": 4}}
    ),
    "PEC": Setting({"resilience": {"pec_mitigation": True}}, learns=True),
    "PEA": extrapolating((1, 1.5, 2, 3), amplifier="pea"),
    "PEA, 512 randomisations": extrapolating((1, 1.5, 2, 3), amplifier="pea", many=True),
}


@dataclass(frozen=True)
class Ratio:
    """What came of one circuit, and one value of it."""

    circuit: str
    what: str
    spread: float
    median: float
    finite: bool
    """Whether all standard errors were."""

    @property
    def ratio(self) -> float:
        """Spread over median; 1 if there is neither."""
        if self.median == 0:
            return 1.0 if self.spread == 0 else math.inf
        return self.spread / self.median

    @property
    def met(self) -> bool:
        """Whether the error is finite and true."""
        return self.finite and LOWEST <= self.ratio <= HIGHEST


def ratios(
    name: str, setting: Setting, seeds: Sequence[int], backend: BackendV2, shots: int = 4096
) -> Iterator[Ratio]:
    """Run one of `CIRCUITS` with all seeds, and yield what came of each value."""
    circuit, observable = CIRCUITS[name]()
    transpiled = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)
    pub = (transpiled, observable.apply_layout(transpiled.layout))
    options = {**setting.options, "default_shots": shots}
    if setting.learns:
        layers = EstimatorV2(backend, options=setting.options).find_unique_layers([pub])
        noise = NoiseLearnerV3(backend).run(layers).result(timeout=60).to_pauli_lindblad_maps()
        known = {"layer_noise_model": list(zip(layers, noise, strict=True))}
        options["resilience"] = {**options["resilience"], **known}
    jobs = [
        EstimatorV2(backend, options={**options, "simulator": {"seed_simulator": seed}}).run([pub])
        for seed in seeds
    ]
    data = [job.result(timeout=600)[0].data for job in jobs]
    yield _ratio(name, "evs", [each.evs for each in data], [each.stds for each in data])
    for number, extrapolator in enumerate(setting.extrapolators):
        values = [each.evs_extrapolated[number, 0] for each in data]
        yield _ratio(
            name, extrapolator, values, [each.stds_extrapolated[number, 0] for each in data]
        )


def _ratio(circuit: str, what: str, values: npt.ArrayLike, errors: npt.ArrayLike) -> Ratio:
    errors = np.asarray(errors, dtype=np.float64)
    spread = float(np.std(np.asarray(values, dtype=np.float64), ddof=1))
    return Ratio(circuit, what, spread, float(np.median(errors)), bool(np.isfinite(errors).all()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", choices=[*SETTINGS, []], help="all by default")
    parser.add_argument("--seeds", type=int, default=300)
    arguments = parser.parse_args()
    backend = FakeManilaV2()
    print(f"{arguments.seeds} seeds, {backend.name}\n")
    print("| options | circuit | value | spread | median error | ratio | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    missed, start = 0, time.perf_counter()
    for name in arguments.settings or list(SETTINGS):
        for circuit in CIRCUITS:
            for each in ratios(circuit, SETTINGS[name], range(arguments.seeds), backend):
                missed += not each.met
                mark = "met" if each.met else "**missed**"
                numbers = f"{each.spread:.4f} | {each.median:.4f} | {each.ratio:.2f}"
                print(f"| {name} | {circuit} | {each.what} | {numbers} | {mark} |", flush=True)
    print(f"\n{missed} missed; measured in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
