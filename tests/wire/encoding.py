"""Parameters of programs as the client sends them."""

from __future__ import annotations

import json
from typing import Any

from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime import RuntimeEncoder


def sampler_params(*pubs: Any, **others: Any) -> str:
    """The parameters of a sampler's job, as the client sends them."""
    coerced = [SamplerPub.coerce(pub) for pub in pubs]
    params = {"pubs": coerced, "options": {}, "version": 2, "support_qiskit": True, **others}
    return json.dumps(params, cls=RuntimeEncoder)


def estimator_params(*pubs: Any, **others: Any) -> str:
    """The parameters of an estimator's job, as the client sends them."""
    coerced = [EstimatorPub.coerce(pub) for pub in pubs]
    params = {"pubs": coerced, "options": {}, "version": 2, "support_qiskit": True, **others}
    return json.dumps(params, cls=RuntimeEncoder)
