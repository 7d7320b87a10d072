"""Techniques of error mitigation: what they prepare, and what they make of the data.

In the order in which a job's PUBs come by:

===================== ============================================================================
``checks``            what ``run()`` asks for, one after the other
``early_layer_noise`` whether the noise of layers is found then, or by the job
``find_layer_noise``  the noise of the job's layers: given, looked up or learned, by ``boxing``,
                      ``counted_layers``, ``layer_errors``, ``learned_layers``, ``simulated_noise``
``preparation``       PUBs in groups, each with its ``request`` to a technique
``preparer``          a group boxed, built and put on the device, by ``techniques`` and, for
                      circuits that cannot be boxed, ``measurement_twirl``
``values``            expectation values from what was recorded, with ``extrapolation``
===================== ============================================================================
"""
