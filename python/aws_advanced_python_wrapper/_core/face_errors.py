# SPDX-License-Identifier: Apache-2.0
"""Makes, for one driver, the classes that its face raises: see :mod:`.errors`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .. import errors

CLASS_BY_CODE = {
    "timed_out": "QueryTimeoutError",
    "unsupported": "UnsupportedOperationError",
    "failover_success": "FailoverSuccessError",
    "transaction_resolution_unknown": "TransactionResolutionUnknownError",
    "failover_failed": "FailoverFailedError",
    "read_write_splitting": "ReadWriteSplittingError",
    "connect_failed": "AwsConnectError",
}
"""The class that is raised for an outcome of the engine's, by the outcome's code."""

# Public class -> the driver's PEP 249 class that the face's class derives from as well.
_BASES = {
    "AwsWrapperError": "Error",
    "UnsupportedOperationError": "NotSupportedError",
    "QueryTimeoutError": "OperationalError",
    "AwsConnectError": "OperationalError",
    "ReadWriteSplittingError": "InterfaceError",
    "FailoverError": "OperationalError",
    "FailoverSuccessError": "OperationalError",
    "TransactionResolutionUnknownError": "OperationalError",
    "FailoverFailedError": "OperationalError",
}


def make_face_errors(driver: ModuleType, module: str) -> dict[str, type[Any]]:
    """The face's error classes by name; ``module`` is where they are importable from.

    Within the face the classes are related as the public ones are: its ``FailoverSuccessError`` is
    a subclass of its ``FailoverError``.
    """
    made: dict[str, type[Any]] = {}
    for name, driver_base in _BASES.items():
        public = getattr(errors, name)
        parents = [made[base.__name__] for base in public.__bases__ if base.__name__ in made]
        bases = (public, *parents, getattr(driver, driver_base))
        attributes = {"__module__": module, "__doc__": public.__doc__}
        made[name] = type(name, tuple(dict.fromkeys(bases)), attributes)
    return made
