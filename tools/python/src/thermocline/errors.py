"""What can go wrong, as the protocol names it."""

from __future__ import annotations

import enum


class ErrorCode(enum.IntEnum):
    """The protocol's error codes (section 5 of Protocol.md)."""

    MALFORMED = 1
    UNSUPPORTED_VERSION = 2
    UNKNOWN_OPERATION = 3
    UNKNOWN_TABLE = 4
    TABLE_EXISTS = 5
    DIMENSION_MISMATCH = 6
    NON_FINITE = 7
    TOO_LARGE = 8
    TOO_MANY_IDS = 9
    INVALID_SCHEMA = 10
    READ_ONLY = 11
    OVERLOADED = 12
    STORAGE_FAILED = 13
    DAMAGED = 14
    UNSUPPORTED = 15
    SHUTTING_DOWN = 16
    CANNOT_CREATE = 17
    TOO_MANY_CONNECTIONS = 18
    UNAUTHORIZED = 19
    INTERNAL = 20
    STORAGE_FULL = 21


class ThermoclineError(Exception):
    """A request that was refused, by the server or by the client before it was sent.

    The request changed nothing and the connection stays usable. A connection that is lost raises
    ``ConnectionError``, or ``TimeoutError`` where the server was silent for too long.

    Attributes
    ----------
    code : ErrorCode
        What to go by in a program.
    message : str
        What to show to a person.
    retry_after : float
        Seconds after which trying again makes sense; 0 without a hint.
    """

    def __init__(self, code: ErrorCode, message: str, retry_after: float = 0.0) -> None:
        super().__init__(code, message, retry_after)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code.name.lower()}: {self.message}"

    @classmethod
    def from_status(cls, status: int, message: str, retry_after: float = 0.0) -> ThermoclineError:
        """The error of a status on the wire; a code of a newer server becomes ``INTERNAL``."""
        try:
            return cls(ErrorCode(status), message, retry_after)
        except ValueError:
            return cls(ErrorCode.INTERNAL, f"error code {status}: {message}", retry_after)
