# SPDX-License-Identifier: Apache-2.0
"""Does, by a driver, what the engine's operations ask for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import _engine
from ..errors import FailoverError, FailoverReport
from .face_errors import CLASS_BY_CODE
from .logging import log_events, warn_once
from .waits import EngineWait, Steps

_SIMPLE = (str, int, float, bool)


def split_arguments(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split the values that may be the wrapper's properties from those of other types.

    The latter are the driver's, which tells what it thinks of them. None is as not given.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    simple = {name: value for name, value in given.items() if isinstance(value, _SIMPLE)}
    return simple, {name: value for name, value in given.items() if name not in simple}


@dataclass(frozen=True)
class ToOpen:
    """A link that an operation wants opened."""

    link: int
    """The number by which it is known from then on."""
    host: Any
    """The engine's host, or None for where the application's own parameters lead."""
    address: str
    """Its numeric address, if it is known; or empty. Without a host, where a probe has to go."""
    credentials: dict[str, str]
    """What of a login replaces that of the parameters."""
    timeout: float
    """Seconds within which it has to be open."""


@dataclass(frozen=True)
class ToAsk:
    """What an operation wants asked."""

    link: int
    statements: list[str]
    timeout: float
    """Seconds for all statements together."""


class Performer:
    """Does what an operation of the engine asks for, until it is over.

    ``links`` holds the links that it opened and that are not in use, by the engine's numbers.
    """

    logger: ClassVar[logging.Logger]
    face_errors: ClassVar[dict[str, type[Any]]]
    links: dict[int, Any]
    error: Exception | None = None
    """The last thing that went wrong."""

    def first_link(self, session: _engine.Session) -> Steps[bool]:
        """Open a session's first link; False if the driver's own error is what to raise."""
        try:
            operation = session.open()
            yield from self.steps(operation)
            outcome = operation.outcome
        except _engine.EngineError as error:
            raise self.face_errors["AwsWrapperError"](str(error)) from self.error
        if outcome.link == "replaced":
            self._warn_unprotected(session.notice)
            return True
        session.close()
        if outcome.code != "none":
            failed = self.face_errors[CLASS_BY_CODE[outcome.code]](outcome.message)
            if isinstance(failed, FailoverError):
                failed.failover_report = FailoverReport.from_engine(session.report)
                failed.outcome_known = True
            raise failed from self.error
        return False

    def _warn_unprotected(self, notice: str) -> None:
        """Tell, once, what keeps connections from being protected; if anything does."""
        if notice:
            warn_once(self.logger, f"no failover for this connection: {notice}")

    def steps(self, operation: _engine.Operation) -> Steps[None]:
        """Answer each request; on any exception the links that are not in use are closed."""
        try:
            while (request := operation.request) is not None:
                kind = request[0]
                if kind == "wait":
                    yield EngineWait(operation)
                elif kind == "open":
                    yield from self._open(operation, ToOpen(*request[1:]))
                elif kind == "ask":
                    yield from self._ask(operation, ToAsk(*request[1:]))
                elif kind == "use" and request[2]:
                    self.close_link(request[1])
                    operation.use_failed(None, 0, "the driver's face keeps no link aside yet")
                elif kind == "use":
                    yield from self._use(operation, request[1])
                elif kind == "test":
                    yield from self._test(operation, *request[1:])
                elif kind == "fetch":
                    operation.fetch_failed(f"there is no source of documents named {request[1]!r}")
                else:
                    self.close_link(request[1])
                    operation.closed()
        except BaseException:
            self.close_links()
            raise
        finally:
            log_events()

    def close_links(self) -> None:
        """Close the links that are not in use."""
        for link in list(self.links):
            self.close_link(link)

    def close_link(self, link: int) -> None:
        """Close a link that is not in use."""
        raise NotImplementedError

    def _open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[None]:
        raise NotImplementedError

    def _ask(self, operation: _engine.Operation, wanted: ToAsk) -> Steps[None]:
        raise NotImplementedError

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        raise NotImplementedError

    def _test(self, operation: _engine.Operation, link: int, timeout: float) -> Steps[None]:
        raise NotImplementedError
