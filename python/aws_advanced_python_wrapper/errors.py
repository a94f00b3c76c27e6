# SPDX-License-Identifier: Apache-2.0
"""The errors that the wrapper raises on its own account.

No class here names a driver. What a driver's face raises is a class of the same name that derives
from the class here *and* from the driver's PEP 249 class, so that ``except
errors.FailoverSuccessError``, ``except psycopg.OperationalError`` and SQLAlchemy's mapping by class
name all work. A driver's own error leaves as the same object when no failover ran, and is the
``__cause__`` of ours when one did::

    Error
      OperationalError
        FailoverError
          FailoverSuccessError             on another link, no transaction was open: go on
          TransactionResolutionUnknownError  on another link, a transaction was open: look, redo
          FailoverFailedError              no suitable host was reached: the connection is closed
      AwsWrapperError
        UnsupportedOperationError          (NotSupportedError too)
        QueryTimeoutError                  (OperationalError too)
        AwsConnectError                    (OperationalError too)
        ReadWriteSplittingError            (InterfaceError too)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .pep249 import Error, InterfaceError, NotSupportedError, OperationalError

__all__ = [
    "AwsConnectError",
    "AwsWrapperError",
    "FailoverAttempt",
    "FailoverError",
    "FailoverFailedError",
    "FailoverReport",
    "FailoverSuccessError",
    "QueryTimeoutError",
    "ReadWriteSplittingError",
    "TransactionResolutionUnknownError",
    "UnsupportedOperationError",
]

_PACKAGE = "aws_advanced_python_wrapper"


@dataclass(frozen=True)
class FailoverAttempt:
    """One host that a failover tried."""

    host: str
    """``name:port``."""
    result: str
    """``"connected"``, or why it was not taken."""
    ms: float
    """How long the attempt took, in milliseconds."""


@dataclass(frozen=True)
class FailoverReport:
    """What one failover saw and did. Times are in milliseconds."""

    trigger: str
    """What started it: the driver's message, or the name of a monitor's verdict."""
    sqlstate: str | None
    """The SQLSTATE of the trigger, if a server spoke."""
    vendor_code: int
    """MySQL's error number of the trigger, or 0."""
    from_host: str | None
    """Id of the host that was left."""
    to_host: str | None
    """Id of the host that was reached, or None."""
    attempts: tuple[FailoverAttempt, ...]
    refusals: tuple[tuple[str, str], ...]
    """Of a failover that failed: for each host (``name:port``) that the monitors could not ask,
    why."""
    failed_because: str | None
    """What was missing in the end, or None if a host was reached."""
    topology_ms: float
    """Waiting until the cluster had proved where to go."""
    connect_ms: float
    """Opening and checking links."""
    adopt_ms: float
    """Bringing the session's state over."""
    total_ms: float

    def tried(self) -> str:
        """The attempts, and what the monitors met, as text."""
        told = [f"{one.host}: {one.result}" for one in self.attempts]
        told += [f"{host}, by its monitor: {reason}" for host, reason in self.refusals]
        return "; ".join(told) or "no host, since none proved itself"

    @classmethod
    def from_engine(cls, report: dict[str, Any]) -> FailoverReport:
        """Make one of the engine's own form."""
        attempts = tuple(FailoverAttempt(**attempt) for attempt in report["attempts"])
        refusals = tuple(report["refusals"])
        return cls(**{**report, "attempts": attempts, "refusals": refusals})


class AwsWrapperError(Error):
    """A setting that is not possible, or a failure of the wrapper itself."""

    __module__ = _PACKAGE

    def __init__(self, *args: object, original_error: BaseException | None = None) -> None:
        super().__init__(*args)
        if isinstance(original_error, AwsWrapperError):
            original_error = original_error.driver_error or original_error
        self.driver_error: BaseException | None = original_error
        """The innermost error of the driver, if there is one."""


class UnsupportedOperationError(AwsWrapperError, NotSupportedError):
    """The driver or the server can't do what was asked for."""

    __module__ = _PACKAGE


class QueryTimeoutError(AwsWrapperError, OperationalError):
    """A call took longer than ``socket_timeout``, or than a limit of its driver's."""

    __module__ = _PACKAGE


class AwsConnectError(AwsWrapperError, OperationalError):
    """No connection could be opened."""

    __module__ = _PACKAGE


class ReadWriteSplittingError(AwsWrapperError, InterfaceError):
    """A connection to a host of the wanted role could not be had."""

    __module__ = _PACKAGE


class FailoverError(OperationalError):
    """The connection lost its server and a failover ran; the subclass tells its outcome."""

    __module__ = _PACKAGE
    failover_report: FailoverReport | None = None
    """What the failover saw and did."""
    outcome_known: bool = False
    """True if the call that failed certainly had no effect: nothing of it had been sent."""
    gone: tuple[str, ...] = ()
    """What the session had that no other one can be given, in words; the message names it, too."""


class FailoverSuccessError(FailoverError):
    """The connection is on a working host again, and no transaction was open.

    The session is a new one, and was told what the old one had been; what can't be told (temporary
    tables, advisory locks, ...) is in ``gone``.
    """

    __module__ = _PACKAGE
    sqlstate = "08S02"


class TransactionResolutionUnknownError(FailoverError):
    """The connection is on a working host again, but a transaction was open.

    If its COMMIT had been sent it may have been carried out; otherwise it was rolled back. Look,
    then do it again as a whole.
    """

    __module__ = _PACKAGE
    sqlstate = "08007"


class FailoverFailedError(FailoverError):
    """No suitable host was reached within ``failover_timeout_sec``; the connection is closed."""

    __module__ = _PACKAGE
    sqlstate = "08001"
