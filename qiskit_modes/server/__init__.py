"""The service over HTTP, on this machine: for several processes, people and languages.

`serve` opens a port on 127.0.0.1 and answers there what IBM's service answers its client::

    with serve(backends=["ibm_torino"], plan="premium") as server:
        server.url, server.environment    # what programs need to find it

===================  =============================================================================
``serving``          starts and stops it
``application``      puts the parts together
``app_state``        what all requests are answered from: the platform, the tokens, who asks
``guard/``           what requests pass before they are answered, strangers' circuits above all
``endpoints/``       what it answers about jobs, sessions and backends; sign-in, catalog, health
``page/``            the page for people
``monitoring/``      the log of requests and the metrics
``shares``           threads for the work, some for each instance
``spools``           large answers, made once for all who ask for them
``long_poll``        lets who asks about a new job wait for it
``submission_keys``  lets one submission with a key be served at a time
``usage_report``     what its workloads did
``isolation/``       runs a program so that all of its traffic ends here
===================  =============================================================================

What holds for all requests: the event loop only moves bytes, the work is done in threads; errors
are 4xx, also errors of this package, because the client repeats what failed with a 5xx; nothing is
read of a body before its sender's token was looked at, and it is parsed only within its limits.

It needs the extra: ``pip install qiskit_modes[server]``.
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.server.guard.limits import Limits
    from qiskit_modes.server.serving import Server, serve

__all__ = ["Limits", "Server", "serve"]

_HOMES = {
    "Limits": "qiskit_modes.server.guard.limits",
    "Server": "qiskit_modes.server.serving",
    "serve": "qiskit_modes.server.serving",
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
