"""The exceptions that a command turns into one line: a mistake that a user can mend, and an interruption."""

import re
from collections.abc import Sequence

# Ends the message of every interruption: what to do.
GOES_ON = "the same command goes on from there"


# User and password of an address, and the values of its query.
SECRETS = re.compile(r"""(?<=://)[^/\s]*@|(?<=[?&])([^=&\s]+)=[^&\s'")]+""")


def without_secrets(text: str) -> str:
    """Return a text with the credentials of the addresses in it masked."""
    return SECRETS.sub(lambda found: f"{found[1]}=***" if found[1] else "***@", text)


class UserError(Exception):
    """Wrong input, told in one line: where it stands, what was found there, and what would be right.

    Args:
        where: the config key, command-line option or file at fault.
        found: the value or state found there.
        remedy: what would be right, or what to do.
    """

    def __init__(self, where: object, found: object, remedy: str) -> None:
        text = without_secrets(f"{where}: found {found}; {remedy}")
        super().__init__("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text))
        self.where, self.found, self.remedy = where, found, remedy


class UserErrors(UserError):  # noqa: N818
    """Several mistakes, a line for each.

    Args:
        errors: at least one.
    """

    def __init__(self, errors: Sequence[UserError]) -> None:
        Exception.__init__(self, "\n".join(map(str, errors)))


class Interrupted(Exception):  # noqa: N818
    """A training was asked to stop and has written a restart point."""
