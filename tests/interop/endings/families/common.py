"""What several families need."""


def some(rng, low, high, digits=2):
    """A number between the two, short enough to be read in a name."""
    return round(rng.uniform(low, high), digits)


def adapters(rng):
    """One of the two."""
    return rng.choice(["tokio", "blocking"])
