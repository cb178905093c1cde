"""The one tree of errors this product raises on purpose.

Caught in three places only: the sync runner (to a transition), web/errors (to a status), tasks (to a log line).
"""


class StonksError(Exception):
    """Base of every error with words for a person: what happened, what was not changed, what to do next."""


class NotFound(StonksError):
    """The thing does not exist, or is not this user's: the two are told apart nowhere. Web: 404."""


class InvalidInput(StonksError):
    """Input of the wrong shape. `fields` maps a field's name to the sentence shown beside it. Web: 422."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


class StatementUnreadable(StonksError):
    """The file as a whole is not a statement that can be read; nothing of it was imported.

    `reason` is a short stable name ("html", "empty", "truncated", "trade-confirmation", …) for tests and metrics;
    the message is for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SecretUnreadable(StonksError):
    """A sealed secret cannot be opened: the key was lost or changed, or the text belongs to another owner."""
