"""All options of all programs: what each does here, or why it is refused. A list of what is known.

What stands in no row is refused by its name, and so is a value of an option with a fixed set of
them that stands not in its row: an option of a newer release is never dropped in silence. To add
an option is to add its row, and to let it act. The page of options in the docs is made
from this, by `python -m tests.primitives.options_page`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = [
    "PROGRAMS",
    "ROWS",
    "SECTIONS",
    "Acts",
    "Feature",
    "Refused",
    "Renamed",
    "Row",
    "Tunes",
    "rows_of",
]

_PRIMITIVES = ("sampler", "estimator")
_SAMPLER = ("sampler",)
_ESTIMATOR = ("estimator",)
_EXECUTING = (*_PRIMITIVES, "executor")
_LEARNER = ("noise-learner",)
_OLDER_LEARNER = ("older-noise-learner",)
_LEARNERS = (*_LEARNER, *_OLDER_LEARNER)
PROGRAMS = (*_EXECUTING, *_LEARNER, *_OLDER_LEARNER)
"""Whose options there are: the learners' are those of ``NoiseLearnerV3`` and ``NoiseLearner``."""


@dataclass(frozen=True)
class Feature:
    """Something that can be switched on, and that other options tune."""

    name: str
    """What it is, for messages."""

    switches: tuple[str, ...]
    """Options that switch it on, if they are true."""

    by_level: bool = False
    """True if ``resilience_level`` decides where no switch is set."""

    is_off: str = "is off"
    """How to say that it is not on, behind its name."""


@dataclass(frozen=True)
class Acts:
    """An option that acts whatever else is set."""

    path: str
    """Its full name, with dots."""

    says: str
    """What it does here, in a sentence."""

    programs: tuple[str, ...] = PROGRAMS
    """Which programs have it."""

    values: tuple[Any, ...] = ()
    """All values that are known, where these are a fixed set; they may stand in a list, too."""


@dataclass(frozen=True)
class Tunes(Acts):
    """An option that has no effect unless some feature is on."""

    feature: Feature = Feature("", ())
    """Which one."""


@dataclass(frozen=True)
class Refused:
    """An option that cannot be honoured, and is refused unless it has its default."""

    path: str
    """Its full name, with dots."""

    why: str
    """The reason, to stand behind "is not supported:"."""

    remedy: str
    """What to do, as a sentence without its full stop."""

    programs: tuple[str, ...] = PROGRAMS
    """Which programs refuse it."""

    @property
    def says(self) -> str:
        """The same as one text."""
        return f"Refused: {self.why}. {self.remedy}."


@dataclass(frozen=True)
class Renamed:
    """An older name of an option."""

    path: str
    """The older name."""

    to: str
    """Today's name."""

    programs: tuple[str, ...]
    """Which programs know it."""

    taken: bool = False
    """Whether it is taken for today's name; otherwise it is refused, with that name."""

    @property
    def says(self) -> str:
        """Sentence on what becomes of it."""
        return f"Taken for `{self.to}`." if self.taken else f"Refused: use `{self.to}`."


Row = Acts | Tunes | Refused | Renamed

GATE_TWIRLING = Feature("the twirling of gates", ("twirling.enable_gates",), by_level=True)
TWIRLING = Feature("twirling", ("twirling.enable_gates", "twirling.enable_measure"), by_level=True)
DECOUPLING = Feature("dynamical decoupling", ("dynamical_decoupling.enable",))
READOUT = Feature("measurement error mitigation", ("resilience.measure_mitigation",), by_level=True)
PEC = Feature("probabilistic error cancellation", ("resilience.pec_mitigation",))
ZNE = Feature("zero-noise extrapolation", ("resilience.zne_mitigation",), by_level=True)
LEARNING = Feature(
    "what needs the noise of layers",
    ("resilience.pec_mitigation", "resilience.zne_mitigation"),
    by_level=True,
)
LAYER_NOISE = Feature(
    "the noise of layers", ("simulator.layer_noise_model", "resilience.layer_noise_model")
)
GIVEN_NOISE = Feature(
    "the noise model that it belongs to", ("simulator.noise_model",), is_off="is missing"
)

_OLDER_CHECKS = "post_selection"
"""What older releases call the checks of bit flips."""

_LEAVE = "Leave it unset"
_OR_FALSE = "Leave it unset or set it to False"
_NO_SCHEDULE = "a simulation has no schedule of its own to report"
_NO_STRETCHES = "stretches are resolved for hardware only"
_ON_USAGE = "acts on the estimate of usage: what is computed is what more of them approach"
_OF_EXPERIMENTS = {
    "num_randomizations": "Randomisations",
    "shots_per_randomization": "Shots of each randomisation",
    "layer_pair_depths": "Depths",
}
_EXTRAPOLATORS = (
    *("linear", "exponential", "double_exponential", "fallback"),
    *(f"polynomial_degree_{degree}" for degree in range(1, 8)),
)

_OF_JOBS: tuple[Row, ...] = (
    Acts("max_execution_time", "Longest time that a job may have the QPU, in seconds."),
    Acts("environment.job_tags", "Tags of the job, by which it is found."),
    Acts(
        "environment.log_level",
        "From which level on the job's log has what happened.",
        values=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    Acts("environment.private", "Hides the job's inputs; its result can be read once."),
    Acts("environment.max_execution_time", "The older place of `max_execution_time`, which wins."),
    Refused("environment.image", "jobs run in the installed packages and in no image", _LEAVE),
    Refused("environment.callback", "no such option exists any more", "Call job.result() instead"),
    Renamed("job_tags", "environment.job_tags", PROGRAMS),
    Refused(
        "optimization_level",
        "a primitive transpiles nothing",
        "Transpile circuits before passing them",
    ),
    Refused("experimental", "experimental options of the service are not known here", _LEAVE),
    Refused("experimental.execution.scheduler_timing", _NO_SCHEDULE, "Leave it out"),
    Refused("experimental.execution.stretch_values", _NO_STRETCHES, "Leave it out"),
    Renamed("experimental.seed_simulator", "simulator.seed_simulator", PROGRAMS),
)

_OF_EXECUTION: tuple[Row, ...] = (
    Acts("execution.rep_delay", "Delay between two shots in seconds, in the estimate of usage."),
    Refused(
        "execution.init_qubits",
        "every shot of the simulation starts in the ground state",
        "Leave it unset or set it to True",
    ),
    Refused("execution.scheduler_timing", _NO_SCHEDULE, _OR_FALSE),
    Refused("execution.stretch_values", _NO_STRETCHES, _OR_FALSE),
    Refused(
        "execution.meas_type",
        "the simulation gives classified bits, and no readout signals",
        'Leave it unset or set it to "classified"',
        _SAMPLER,
    ),
)

_OF_SIMULATION: tuple[Row, ...] = (
    Acts("simulator.seed_simulator", "Seed of the job: the same one gives the same bits."),
    Renamed("seed_simulator", "simulator.seed_simulator", PROGRAMS),
    Renamed("seed_estimator", "simulator.seed_simulator", _PRIMITIVES, taken=True),
    Acts(
        "simulator.angle_decimals",
        "To how many decimals of a quarter turn angles are rounded; unset: not at all.",
        _EXECUTING,
    ),
    Acts(
        "simulator.layer_noise_model",
        "Noise that acts on twirled layers, beside that of the backend.",
        _EXECUTING,
    ),
    Tunes(
        "simulator.warn_absent",
        "Whether to warn of layers that have no noise in the model of layers.",
        _EXECUTING,
        feature=LAYER_NOISE,
    ),
    Acts(
        "simulator.noise_model",
        "A noise model of Aer that replaces the backend's noise.",
        (*_PRIMITIVES, *_OLDER_LEARNER),
    ),
    Acts(
        "simulator.pauli_propagation_max_terms",
        "Asks for an approximation: expectation values by Pauli propagation with so many terms at "
        "most, without shots and without mitigation. See the page on wide circuits.",
        _ESTIMATOR,
    ),
    Refused("simulator.angle_decimals", "nothing is simulated", _LEAVE, _LEARNERS),
    Refused(
        "simulator.layer_noise_model",
        "only the backend's own noise is learned",
        "Leave it unset; noise that you give for a layer need not be learned",
        _LEARNERS,
    ),
    Refused("simulator.warn_absent", "it belongs to layer_noise_model", _LEAVE, _LEARNERS),
    Tunes(
        "simulator.basis_gates",
        "Kept beside the noise model; changes nothing, as a primitive transpiles nothing.",
        (*_PRIMITIVES, *_OLDER_LEARNER),
        feature=GIVEN_NOISE,
    ),
    Tunes(
        "simulator.coupling_map",
        "Kept beside the noise model; changes nothing, as a primitive transpiles nothing.",
        (*_PRIMITIVES, *_OLDER_LEARNER),
        feature=GIVEN_NOISE,
    ),
    *(
        Refused(
            f"simulator.{name}",
            "the noise is that of the backend",
            "Pass AerSimulator(noise_model=...) as the backend",
            ("executor", *_LEARNER),
        )
        for name in ("noise_model", "basis_gates", "coupling_map")
    ),
)

_OF_SUPPRESSION: tuple[Row, ...] = (
    Acts("twirling.enable_gates", "Twirls layers of two-qubit gates.", _PRIMITIVES),
    Acts("twirling.enable_measure", "Twirls measurements.", _PRIMITIVES),
    Tunes(
        "twirling.group",
        "From which group twirled layers of gates draw.",
        _PRIMITIVES,
        ("pauli", "balanced_pauli", "local_c1", "local_pauli"),
        GATE_TWIRLING,
    ),
    Tunes(
        "twirling.num_randomizations",
        "How many randomisations a circuit has.",
        _PRIMITIVES,
        feature=TWIRLING,
    ),
    Tunes(
        "twirling.shots_per_randomization",
        "How many shots each randomisation has.",
        _PRIMITIVES,
        feature=TWIRLING,
    ),
    Tunes(
        "twirling.strategy",
        "Which idle qubits are twirled too.",
        _PRIMITIVES,
        ("active", "active-accum", "active-circuit", "all"),
        TWIRLING,
    ),
    Acts("dynamical_decoupling.enable", "Puts pulses into idle times.", _PRIMITIVES),
    Tunes(
        "dynamical_decoupling.sequence_type",
        "Which pulses.",
        _PRIMITIVES,
        ("XX", "XpXm", "XY4"),
        DECOUPLING,
    ),
    Tunes(
        "dynamical_decoupling.extra_slack_distribution",
        "Where the rest goes of a time that cannot be divided.",
        _PRIMITIVES,
        ("middle", "edges"),
        DECOUPLING,
    ),
    Tunes(
        "dynamical_decoupling.scheduling_method",
        "Whether gates are as late or as early as possible.",
        _PRIMITIVES,
        ("alap", "asap"),
        DECOUPLING,
    ),
    Tunes(
        "dynamical_decoupling.skip_reset_qubits",
        "Leaves alone qubits that are in their ground state.",
        _PRIMITIVES,
        feature=DECOUPLING,
    ),
)

_OF_SHOTS: tuple[Row, ...] = (
    Acts("default_shots", "Shots of what specifies none.", _PRIMITIVES),
    Acts("default_precision", "Precision of what specifies none; 1/√shots.", _ESTIMATOR),
    Renamed("shots", "default_shots", _PRIMITIVES),
    Renamed("precision", "default_precision", _ESTIMATOR),
)

_OF_MITIGATION: tuple[Row, ...] = (
    Acts(
        "resilience_level",
        "Which techniques are on where nothing else is said.",
        _ESTIMATOR,
        (0, 1, 2),
    ),
    Acts("resilience.measure_mitigation", "Mitigates errors of measurements.", _ESTIMATOR),
    Tunes(
        "resilience.measure_noise_learning.num_randomizations",
        "How many randomisations the calibration of measurements has.",
        _ESTIMATOR,
        feature=READOUT,
    ),
    Tunes(
        "resilience.measure_noise_learning.shots_per_randomization",
        "How many shots each of them has; unset: as many as the circuits' randomisations.",
        _ESTIMATOR,
        feature=READOUT,
    ),
    Acts("resilience.zne_mitigation", "Extrapolates to zero noise.", _ESTIMATOR),
    Tunes(
        "resilience.zne.amplifier",
        "How noise is amplified.",
        _ESTIMATOR,
        ("gate_folding", "gate_folding_front", "gate_folding_back", "pea"),
        ZNE,
    ),
    Tunes(
        "resilience.zne.noise_factors",
        "By which factors noise is amplified.",
        _ESTIMATOR,
        feature=ZNE,
    ),
    Tunes(
        "resilience.zne.extrapolator",
        "What is fitted; of several, what fits.",
        _ESTIMATOR,
        _EXTRAPOLATORS,
        ZNE,
    ),
    Tunes(
        "resilience.zne.extrapolated_noise_factors",
        "For which factors the fit is evaluated.",
        _ESTIMATOR,
        feature=ZNE,
    ),
    Acts("resilience.pec_mitigation", "Cancels errors probabilistically.", _ESTIMATOR),
    Tunes("resilience.pec.max_overhead", "How much sampling PEC may add.", _ESTIMATOR, feature=PEC),
    Tunes(
        "resilience.pec.noise_gain", "How much noise PEC leaves or adds.", _ESTIMATOR, feature=PEC
    ),
    Acts(
        "resilience.layer_noise_model",
        "The noise of layers that PEC and PEA work with; simulated where the backend has none. "
        "Pairs of a layer and its noise, or what the older `NoiseLearner` gave. Unset: learned.",
        _ESTIMATOR,
    ),
    Tunes(
        "resilience.layer_noise_learning.max_layers_to_learn",
        "Of how many layers the noise is learned on the way; the others count as noiseless.",
        _ESTIMATOR,
        feature=LEARNING,
    ),
    *(
        Tunes(
            f"resilience.layer_noise_learning.{name}",
            f"{what} of a learning experiment; {_ON_USAGE}.",
            _ESTIMATOR,
            feature=LEARNING,
        )
        for name, what in _OF_EXPERIMENTS.items()
    ),
)

_OF_LEARNING: tuple[Row, ...] = (
    *(
        Acts(name, f"{what} of a learning experiment; {_ON_USAGE}.", _LEARNERS)
        for name, what in _OF_EXPERIMENTS.items()
    ),
    Acts(
        "max_layers_to_learn",
        "Of how many layers the noise is learned: first of those that occur most often.",
        _OLDER_LEARNER,
    ),
    Acts(
        "twirling_strategy",
        "Which idle qubits belong to a layer.",
        _OLDER_LEARNER,
        ("active", "active-accum", "active-circuit", "all"),
    ),
    *(
        row
        for checks in ("bit_flip_checks.pre_circuit", "bit_flip_checks.post_circuit", _OLDER_CHECKS)
        for row in (
            Refused(
                f"{checks}.enable",
                "nothing is measured that could be checked",
                _OR_FALSE,
                _LEARNER,
            ),
            Acts(
                f"{checks}.x_pulse_type",
                "Changes nothing, as the check that it belongs to cannot be on.",
                _LEARNER,
                ("xslow", "rx"),
            ),
            Acts(
                f"{checks}.strategy",
                "Changes nothing, as the check that it belongs to cannot be on.",
                _LEARNER,
                ("node", "edge"),
            ),
        )
    ),
)

SECTIONS: dict[str, tuple[Row, ...]] = {
    "Shots and precision": _OF_SHOTS,
    "Error mitigation": _OF_MITIGATION,
    "Twirling and dynamical decoupling": _OF_SUPPRESSION,
    "Learning noise": _OF_LEARNING,
    "Execution": _OF_EXECUTION,
    "Simulation": _OF_SIMULATION,
    "The job": _OF_JOBS,
}
"""Every option, in the order and under the titles under which the docs have them."""

ROWS: tuple[Row, ...] = tuple(row for rows in SECTIONS.values() for row in rows)
"""Every option."""


@cache
def rows_of(program: str) -> dict[str, Row]:
    """Return the rows of a program by the names of options; not to be modified.

    Example:
        >>> rows_of("sampler")["execution.rep_delay"].says
        'Delay between two shots in seconds, in the estimate of usage.'
    """
    return {row.path: row for row in ROWS if program in row.programs}
