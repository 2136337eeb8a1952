def causes(rng):
    return []
