"""The result of requests that are under way."""

from __future__ import annotations

from typing import Any, Callable, Generic, Sequence, TypeVar

from .connection import Connection, Exchange

T = TypeVar("T")


class Future(Generic[T]):
    """What one or several exchanges will together result in.

    Attributes
    ----------
    read : bool
        Whether someone has asked for the result, and so has seen its error.
    """

    def __init__(
        self, connection: Connection, exchanges: Sequence[Exchange[Any]], result: Callable[[], T]
    ) -> None:
        self._connection = connection
        self._exchanges = exchanges
        self._result = result
        self.read = False

    def done(self) -> bool:
        """Whether the result is here, without reading from the socket."""
        return all(exchange.done for exchange in self._exchanges)

    def exception(self) -> Exception | None:
        """Waits and returns the error, if it is one, without raising it."""
        try:
            self._connection.wait(self._exchanges)
        except OSError as error:
            return error
        return next((exchange.error for exchange in self._exchanges if exchange.error), None)

    def result(self) -> T:
        """Waits and returns the result.

        Raises
        ------
        ThermoclineError
            The server refused the request.
        ConnectionError, TimeoutError
            The connection is lost; whether a write was applied is not known.
        """
        self.read = True
        error = self.exception()
        if error is not None:
            raise error
        return self._result()
