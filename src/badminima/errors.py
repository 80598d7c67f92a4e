"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """Wrong input, told in one line: where it stands, what was found there, and what would be right.

    Args:
        where: the config key, command-line option or file at fault.
        found: the value or state found there.
        remedy: what would be right, or what to do.
    """

    def __init__(self, where: object, found: object, remedy: str) -> None:
        super().__init__(f"{where}: found {found}; {remedy}")
