"""Know before you pay, and see what happened: estimates, recordings, comparisons, timelines.

`estimate_usage` tells what a job would be charged on hardware; `record` notes what a program runs,
`compare_modes` replays that as jobs, as a batch and as a session, under the rules of the service
and the traffic of others; `draw_timeline` draws it.
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.planning.compare.compare import Comparison, compare_modes
    from qiskit_modes.planning.compare.traffic import Traffic
    from qiskit_modes.planning.draw.drawing import draw_timeline
    from qiskit_modes.planning.draw.trace_format import chrome_trace, save_chrome_trace
    from qiskit_modes.planning.estimate.estimate import UsageEstimate, estimate_usage
    from qiskit_modes.planning.recording.recorder import Recorder, record
    from qiskit_modes.planning.recording.recording import Recording

__all__ = [
    "Comparison",
    "Recorder",
    "Recording",
    "Traffic",
    "UsageEstimate",
    "chrome_trace",
    "compare_modes",
    "draw_timeline",
    "estimate_usage",
    "record",
    "save_chrome_trace",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Comparison": "qiskit_modes.planning.compare.compare",
        "Recorder": "qiskit_modes.planning.recording.recorder",
        "Recording": "qiskit_modes.planning.recording.recording",
        "Traffic": "qiskit_modes.planning.compare.traffic",
        "UsageEstimate": "qiskit_modes.planning.estimate.estimate",
        "chrome_trace": "qiskit_modes.planning.draw.trace_format",
        "draw_timeline": "qiskit_modes.planning.draw.drawing",
        "save_chrome_trace": "qiskit_modes.planning.draw.trace_format",
        "compare_modes": "qiskit_modes.planning.compare.compare",
        "estimate_usage": "qiskit_modes.planning.estimate.estimate",
        "record": "qiskit_modes.planning.recording.recorder",
    },
)
