"""The service's interface without a network: what its requests do, and what it answers.

Both doors for the service's own client stand on this floor: `qiskit_modes.client`, in process, and
the HTTP server. Here is neither HTTP nor a private name of the client. A door makes one `Platform`
and asks it for the `InstanceApi` of whoever sends a request::

    platform = Platform(runtime, backends=["ibm_torino"], instances=[Instance("lab")])
    api = platform.api("crn:v1:...")         # or the instance's name, or None for the first

    api.submit_job("sampler", params, backend="ibm_torino", session_id=None, tags=["a"])
    api.job(job_id, exclude_params=True)     api.jobs(limit=10, pending=True)
    api.wait_for_job(job_id, timeout)        api.job_results(job_id)
    api.job_metrics(job_id)                  api.job_logs(job_id)
    api.cancel_job(job_id)                   api.delete_job(job_id)
    api.set_job_tags(job_id, tags)

    api.open_session("dedicated", backend, max_ttl=3600)
    api.session(session_id)                  api.close_session(session_id)
    api.cancel_session(session_id)

    api.backends()                           api.backend_status(name)
    api.backend_configuration(name)          api.backend_properties(name)
    api.usage()

What holds for all of them:

* Answers are fresh dictionaries, lists and strings that ``json.dumps`` takes, with the keys and
  words of the service's interface, version 2026-04-15. Only `InstanceApi.job_results` and
  `InstanceApi.job_logs` return text.
* ``params`` is a program's parameters as JSON: the text, or what ``json.loads`` makes of it without
  a decoder of its own. Texts are read with limits, and only types that programs know are made.
* Whatever cannot be done raises `ApiError`, with the status and the code of the service and a
  message for the user. A status is never 5xx, since the client repeats requests that fail so; but
  for 503, if the store cannot be read or written: then nothing was done, and to repeat it is right.
* Only `InstanceApi.wait_for_job` waits. All methods may be called from any thread.
* The jobs, sessions and usage of other instances do not exist.
"""

from qiskit_modes.wire.api_error import ApiError
from qiskit_modes.wire.instance_api import InstanceApi
from qiskit_modes.wire.platform import Platform

__all__ = ["ApiError", "InstanceApi", "Platform"]
