"""Programs that primitives make of circuits, and the way back to arrays."""
