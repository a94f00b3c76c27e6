# SPDX-License-Identifier: Apache-2.0
"""Configuration profiles, as programs use them. No server is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aws_advanced_python_wrapper import _engine, errors, mysql_connector
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.driver_configuration_profiles import DriverConfigurationProfiles

PRESETS = ["A0", "A1", "A2", "B", "C0", "C1", "SF_D0", "SF_D1", "SF_E", "SF_F0", "SF_F1"]
PRESETS += ["G0", "G1", "H", "I0", "I1"]
CONNECTS = [face.connect, mysql_connector.connect]


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    DriverConfigurationProfiles.clear_profiles()


def test_profile_holds_what_it_was_given_and_its_base() -> None:
    profiles = DriverConfigurationProfiles
    profiles.add_or_replace_profile("team", {"profile_name": "A1", "application_name": "billing"})
    profiles.add_or_replace_profile("mine", {"profile_name": "team", "socket_timeout": 7})
    assert profiles.get_profile("mine") == {
        "socket_timeout": 7,
        "application_name": "billing",
        "plugins": "",
        "connect_timeout": 30,
    }
    assert profiles.get_profile("mine", "mysql")["connection_timeout"] == 30
    assert profiles.contains_profile("mine")
    profiles.remove_profile("mine")
    profiles.remove_profile("mine")
    assert not profiles.contains_profile("mine")
    with pytest.raises(errors.AwsWrapperError, match="no profile 'mine'; there are A0, A1"):
        profiles.get_profile("mine")


def test_plugins_alone_make_a_profile_as_upstreams_do() -> None:
    DriverConfigurationProfiles.add_or_replace_profile("mine", ["failover", "host_monitoring"])
    settings = _engine.parse_settings({"profile_name": "mine", "host": "db.example.com"})
    assert settings.driver_parameters == {"host": "db.example.com"}
    assert DriverConfigurationProfiles.get_profile("mine") == {
        "plugins": "failover,host_monitoring"
    }
    with pytest.raises(errors.AwsWrapperError, match="names of plugins, not <class 'int'>"):
        DriverConfigurationProfiles.add_or_replace_profile("mine", [int])  # type: ignore[list-item]


def test_presets_are_there_and_stay() -> None:
    assert _engine.profile_names() == PRESETS
    for change in (
        lambda: DriverConfigurationProfiles.add_or_replace_profile("A0", {}),
        lambda: DriverConfigurationProfiles.remove_profile("A0"),
    ):
        with pytest.raises(errors.AwsWrapperError, match='"A0"'):
            change()


@pytest.mark.parametrize("connect", CONNECTS)
def test_profile_that_is_none_is_refused_before_anything_is_sent(
    connect: Callable[..., Any],
) -> None:
    with pytest.raises(errors.AwsWrapperError, match=r'profile_name.*"D0".*expected one of.*A0'):
        connect(host="127.0.0.1", port=1, profile_name="D0")


@pytest.mark.parametrize("connect", CONNECTS)
def test_value_of_a_profile_that_is_none_is_refused_by_its_name(
    connect: Callable[..., Any],
) -> None:
    DriverConfigurationProfiles.add_or_replace_profile("mine", {"failover_timeout_sec": "soon"})
    with pytest.raises(errors.AwsWrapperError, match='"failover_timeout_sec": the value "soon"'):
        connect(host="127.0.0.1", port=1, profile_name="mine")
