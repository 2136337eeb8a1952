"""A cause, with the truth about it."""
import dataclasses
import typing


@dataclasses.dataclass
class Truth:
    """What is right to say of an ending.

    `right` has the verdicts of which one must be listed, and `also` those that may stand first
    besides, since one endpoint cannot tell them apart; `why` says why that is. Where `act` is set
    something is to be done about the ending, and an advice to do nothing is wrong. `if_reset` is
    the truth instead where the same cause happened to reset the connection.
    """

    right: typing.Union[str, tuple]
    also: tuple = ()
    why: str = ""
    act: bool = True
    if_reset: typing.Optional["Truth"] = None

    def __post_init__(self):
        if isinstance(self.right, str):
            self.right = (self.right,)
        if self.also and not self.why:
            raise ValueError(f"{self.right}: {self.also} without a reason")

    def of(self, ending):
        """The truth about this ending."""
        cause = ending["termination"]["cause"]
        failed = cause.get("transport", {}) if isinstance(cause, dict) else {}
        reset = failed.get("kind") in ("reset", "broken_pipe")
        return self.if_reset if reset and self.if_reset else self

    @property
    def acceptable(self):
        return set(self.right) | set(self.also)


@dataclasses.dataclass
class Cause:
    """One way to end a connection.

    `run` makes it on a stage and returns the endings that were witnessed, as many as there are
    truths. `needs` are programs and abilities without which it cannot run. `seconds` says how long
    it takes, so that long ones begin first.
    """

    name: str
    truths: list
    run: typing.Callable
    seconds: float
    needs: tuple = ()
    short: bool = False
    family: str = ""

    def __post_init__(self):
        if isinstance(self.truths, Truth):
            self.truths = [self.truths]


class NotMade(Exception):
    """The cause did not come about, so that nothing can be said of the diagnosis."""
