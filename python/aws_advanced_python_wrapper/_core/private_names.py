# SPDX-License-Identifier: Apache-2.0
"""What a face uses of its driver beyond what that promises, and what becomes of it when it is gone.

A driver's next release may lack any of it. What all connections need is looked for before anything
is sent; what one feature needs is missed by that feature alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from .logging import warn_once


@dataclass(frozen=True)
class PrivateName:
    """A name that the driver's documentation doesn't promise."""

    owner: str
    """What has it: a module, a class, or a function (``...()``), in which it stands."""
    name: str
    feature: str = ""
    """What doesn't hold without it, in words. Empty: no connection can do without."""

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


class PrivateNames:
    """The private names of one driver that the wrapper uses, and which of them there are."""

    def __init__(
        self,
        driver: str,
        release: str,
        names: Sequence[PrivateName],
        owners: Callable[[], Mapping[str, Any]],
    ) -> None:
        """``owners()`` tells what has the names, by its name: objects that are asked for them."""
        self.table = tuple(names)
        self.driver = f"{driver} {release}"
        self._owners = owners

    @cached_property
    def missing(self) -> tuple[PrivateName, ...]:
        """Those that the driver hasn't. Looked up once in a process."""
        owners = self._owners()
        return tuple(one for one in self.table if not _has(owners.get(one.owner), one))

    def have(self, feature: str) -> bool:
        """Whether all is there that a feature needs."""
        return all(one.feature != feature for one in self.missing)

    @property
    def refusal(self) -> str:
        """Why the wrapper can't work with this release of the driver; empty if it can."""
        needed = [str(one) for one in self.missing if not one.feature]
        if not needed:
            return ""
        return (
            f"{self.driver} lacks {', '.join(needed)}, which a connection that survives its "
            "server is made of: take another release of the driver or of the wrapper. Without "
            "failover all works: plugins='' gives the driver's own connection"
        )

    def warn(self, logger: logging.Logger) -> None:
        """Tell, once for each feature, what doesn't hold."""
        for feature in dict.fromkeys(one.feature for one in self.missing if one.feature):
            names = ", ".join(str(one) for one in self.missing if one.feature == feature)
            warn_once(logger, f"{self.driver} lacks {names}: {feature}")


def _has(owner: Any, name: PrivateName) -> bool:
    if owner is None:
        return False
    if name.owner.endswith("()"):
        return name.name in (*owner.__code__.co_varnames, *owner.__code__.co_names)
    return hasattr(owner, name.name)


def look_up(module: str, name: str, otherwise: Any = None) -> Any:
    """A private name of a module; ``otherwise`` if there is none."""
    try:
        return getattr(import_module(module), name, otherwise)
    except ImportError:
        return otherwise
