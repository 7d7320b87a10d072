"""Arguments of ``run()``, checked and copied: circuits, observables, parameters, shots."""
