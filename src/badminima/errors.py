"""The exceptions that a command turns into one line: a mistake that a user can mend, and an interruption."""

from collections.abc import Sequence

# Ends the message of every interruption: what to do.
GOES_ON = "the same command goes on from there"


class UserError(Exception):
    """Wrong input, told in one line: where it stands, what was found there, and what would be right.

    Args:
        where: the config key, command-line option or file at fault.
        found: the value or state found there.
        remedy: what would be right, or what to do.
    """

    def __init__(self, where: object, found: object, remedy: str) -> None:
        text = f"{where}: found {found}; {remedy}"
        super().__init__("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text))
        self.where, self.found, self.remedy = where, found, remedy
        self.errors: list[UserError] = [self]


class UserErrors(UserError):  # noqa: N818
    """Several mistakes, a line for each.

    Args:
        errors: at least one.
    """

    def __init__(self, errors: Sequence[UserError]) -> None:
        Exception.__init__(self, "\n".join(map(str, errors)))
        self.errors = list(errors)


class Interrupted(Exception):  # noqa: N818
    """A training was asked to stop and has written a restart point."""
