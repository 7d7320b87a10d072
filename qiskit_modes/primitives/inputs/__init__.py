"""What a user passes to ``run()``, checked and copied: circuits, observables, parameters, shots."""
