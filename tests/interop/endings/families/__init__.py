"""The causes, a module for each family: `causes(rng)` returns them with fresh numbers."""
