# SPDX-License-Identifier: Apache-2.0
"""Does, by a driver, what the engine's operations ask for."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from .. import _engine
from ..errors import FailoverReport
from .logging import log_events, warn_once
from .waits import EngineWait, Steps

logger = logging.getLogger("aws_advanced_python_wrapper")

_SIMPLE = (str, int, float, bool)


def part_arguments(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the values that may be the wrapper's properties from those of other types.

    The latter are the driver's, which tells what it thinks of them. None is as not given.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    simple = {name: value for name, value in given.items() if isinstance(value, _SIMPLE)}
    return simple, {name: value for name, value in given.items() if name not in simple}


def watch_link(
    session: _engine.Session, name: str, address: str, port: int, descriptor: int
) -> None:
    """Tell the engine of the link that the connection has now.

    A process without a free descriptor has its connection, but no monitor can end a call on it.
    """
    try:
        session.link_adopted(name, address, port, descriptor)
    except _engine.EngineError as refusal:
        logger.warning("the connection to %s is not watched: %s", name, refusal)


def warn_unprotected(logger: logging.Logger, notice: str) -> None:
    """Tell, once, what keeps connections from being protected; if anything does."""
    if notice:
        warn_once(logger, f"no failover for this connection: {notice}")


class Performer:
    """Does what an operation of the engine asks for, until it is over."""

    def steps(self, operation: _engine.Operation) -> Steps[None]:
        """Answer each request; on any exception the candidate is closed."""
        try:
            while (request := operation.request) is not None:
                kind = request[0]
                if kind == "wait":
                    yield EngineWait(operation)
                elif kind == "open":
                    yield from self._open(operation, *request[1:])
                elif kind == "ask":
                    yield from self._ask(operation, *request[1:])
                elif kind == "ask_in_use":
                    yield from self._ask_in_use(operation, *request[1:])
                elif kind == "adopt":
                    yield from self._adopt(operation)
                elif kind == "test":
                    yield from self._test(operation, *request[1:])
                else:
                    self.drop()
                    operation.dropped()
        except BaseException:
            self.drop()
            raise
        finally:
            log_events()

    def drop(self) -> None:
        """Close the candidate, if there is one."""
        raise NotImplementedError

    def _open(
        self, operation: _engine.Operation, host: Any, address: str, timeout: float
    ) -> Steps[None]:
        raise NotImplementedError

    def _ask(
        self, operation: _engine.Operation, statements: list[str], timeout: float
    ) -> Steps[None]:
        raise NotImplementedError

    def _ask_in_use(
        self, operation: _engine.Operation, statements: list[str], timeout: float
    ) -> Steps[None]:
        raise NotImplementedError

    def _adopt(self, operation: _engine.Operation) -> Steps[None]:
        raise NotImplementedError

    def _test(self, operation: _engine.Operation, timeout: float) -> Steps[None]:
        raise NotImplementedError


def raise_not_opened(
    session: _engine.Session, face_errors: dict[str, type[Any]], cause: Exception | None
) -> NoReturn:
    """Say that a failover at the opening of a connection found no host."""
    report = FailoverReport.from_engine(session.report)
    failed = face_errors["FailoverFailedError"](
        f"no suitable host was reached ({report.trigger}): {report.failed_because}; tried: "
        f"{report.tried()}"
    )
    failed.failover_report = report
    failed.outcome_known = True
    raise failed from cause
