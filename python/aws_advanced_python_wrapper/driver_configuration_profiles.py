# SPDX-License-Identifier: Apache-2.0
"""Configurations under one name, which the property ``profile_name`` chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _engine
from .errors import AwsWrapperError

__all__ = ["DriverConfigurationProfiles"]


class DriverConfigurationProfiles:
    """The profiles of this process: the presets, and those that the program adds.

    A profile holds properties of the wrapper and parameters of the driver. What a connection is
    given itself wins over its profile. Connections that are there already keep what they have. All
    functions may be called from any thread.
    """

    @staticmethod
    def add_or_replace_profile(
        profile_name: str, properties: Mapping[str, Any] | Iterable[str]
    ) -> None:
        """Add a profile: a mapping, or the names of plugins alone.

        With ``profile_name`` in the mapping it holds what the profile of that name does now, too.
        Raises ``AwsWrapperError`` for an empty name, the name of a preset, which can't be replaced,
        and a base that there is not. Other values are checked when a connection chooses it.
        """
        if not isinstance(properties, Mapping):
            names = list(properties)
            wrong = [name for name in names if not isinstance(name, str)]
            if wrong:
                raise AwsWrapperError(
                    f"a profile holds properties, or names of plugins, not {wrong[0]!r}"
                )
            properties = {"plugins": ",".join(names)}
        try:
            _engine.add_or_replace_profile(profile_name, dict(properties))
        except _engine.EngineError as error:
            raise AwsWrapperError(str(error)) from None

    @staticmethod
    def remove_profile(profile_name: str) -> None:
        """Remove a profile, if it is there; ``AwsWrapperError`` for a preset."""
        try:
            _engine.remove_profile(profile_name)
        except _engine.EngineError as error:
            raise AwsWrapperError(str(error)) from None

    @staticmethod
    def contains_profile(profile_name: str) -> bool:
        """Whether there is a profile of this name, preset or not."""
        return _engine.find_profile(profile_name) is not None

    @staticmethod
    def get_profile(profile_name: str, family: str = "postgresql") -> dict[str, Any]:
        """What a profile holds for ``"postgresql"`` or ``"mysql"``; ``AwsWrapperError`` if none."""
        found = _engine.find_profile(profile_name, family)
        if found is None:
            names = ", ".join(_engine.profile_names())
            raise AwsWrapperError(f"there is no profile {profile_name!r}; there are {names}")
        return found

    @staticmethod
    def clear_profiles() -> None:
        """Remove all profiles but the presets."""
        _engine.clear_profiles()
