"""The service's own client, unmodified, on this machine: for code that is written for the service.

Inside `local_runtime` a plain ``QiskitRuntimeService()`` of `qiskit_ibm_runtime` gives the local
service, whatever account, token or instance it names, and its own ``IBMBackend``, ``Session``,
``Batch``, primitives and ``RuntimeJobV2`` work on it. Inputs and results go through the client's
own encoders, as they would on the wire; nothing leaves the machine.

===================  ==============================================================================
``local_runtime``    opens and closes it
``api_client``       stands in for the object with which the client sends its requests
``accounts``         stands in for saved accounts and for the list of instances
``job``              the client's job, waiting for an event instead of polling
``upstream``         every private name of the client that all this needs
===================  ==============================================================================
"""

from qiskit_modes.client.local_runtime import local_runtime

__all__ = ["local_runtime"]
