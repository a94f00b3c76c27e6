# SPDX-License-Identifier: Apache-2.0
"""Django's ORM on a MySQL cluster, through our backend, in both builds of the driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django.db
import pytest
from aurora_lab import Cluster
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from aws_advanced_python_wrapper import AwsWrapperConnection, errors

BACKEND = "aws_advanced_python_wrapper.django.backends.mysql_connector"

settings.configure(DATABASES={}, USE_TZ=False)
django.setup()


class Mark(django.db.models.Model):
    """What the tests write."""

    n = django.db.models.IntegerField(unique=True)

    class Meta:
        app_label = "marks"
        db_table = "django_marks"


def database(cluster: Cluster, **options: Any) -> Any:
    """Django's connection to the cluster, as ``DATABASES["default"]`` would make it."""
    databases = {
        "default": {
            "ENGINE": BACKEND,
            "HOST": cluster.writer_endpoint,
            "PORT": cluster.port,
            "USER": cluster.user,
            "PASSWORD": cluster.password,
            "NAME": cluster.database,
            "CONN_MAX_AGE": None,
            "OPTIONS": options,
        }
    }
    connections = django.db.connections
    connections.settings = connections.configure_settings(databases)
    if hasattr(connections._connections, "default"):
        del connections["default"]
    return connections["default"]


@pytest.fixture(params=["pure", "c"])
def use_pure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "pure")


@pytest.fixture
def connection(mysql_cluster: Cluster, use_pure: bool) -> Iterator[Any]:
    connection = database(mysql_cluster, use_pure=use_pure)
    connection.cursor().execute("DROP TABLE IF EXISTS django_marks")
    with connection.schema_editor() as editor:
        editor.create_model(Mark)
    yield connection
    connection.close()


def test_models_work_as_with_the_drivers_backend(connection: Any) -> None:
    assert isinstance(connection.connection, AwsWrapperConnection)
    with django.db.transaction.atomic():
        Mark.objects.bulk_create(Mark(n=n) for n in range(10))
    assert Mark.objects.filter(n__lt=4).count() == 4
    with pytest.raises(django.db.IntegrityError), django.db.transaction.atomic():
        Mark.objects.create(n=3)
    with django.db.transaction.atomic():
        Mark.objects.all().delete()
        django.db.transaction.set_rollback(True)
    assert Mark.objects.count() == 10
    assert "django_marks" in connection.introspection.table_names()
    assert connection.mysql_version == connection.connection.server_version
    assert connection.is_usable()


def test_lost_writer_is_told_and_the_connection_goes_on(
    mysql_cluster: Cluster, connection: Any
) -> None:
    Mark.objects.create(n=1)
    driver_connection = connection.connection
    mysql_cluster.failover(how="crash")
    with pytest.raises(django.db.OperationalError) as told:
        Mark.objects.count()
    assert isinstance(told.value.__cause__, errors.FailoverSuccessError)
    assert Mark.objects.count() == 1
    assert connection.connection is driver_connection
    connection.close_if_unusable_or_obsolete()
    assert connection.connection is driver_connection


def test_transaction_that_lost_its_writer_is_told_and_can_be_run_again(
    mysql_cluster: Cluster, connection: Any
) -> None:
    def insert(n: int) -> None:
        with django.db.transaction.atomic():
            Mark.objects.create(n=n)
            if n == 1 and not faults:
                faults.append(mysql_cluster.failover(how="crash"))
            Mark.objects.create(n=n + 100)

    faults: list[Any] = []
    with pytest.raises(django.db.OperationalError) as told:
        insert(1)
    assert isinstance(told.value.__cause__, errors.TransactionResolutionUnknownError)
    assert Mark.objects.count() == 0
    insert(1)
    assert sorted(Mark.objects.values_list("n", flat=True)) == [1, 101]
    assert connection.get_autocommit()


def test_options_are_the_drivers_and_the_wrappers(mysql_cluster: Cluster, use_pure: bool) -> None:
    connection = database(
        mysql_cluster,
        use_pure=use_pure,
        read_only=True,
        isolation_level="repeatable read",
        plugins="failover",
        charset="utf8mb4",
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@tx_read_only, @@tx_isolation")
        assert cursor.fetchone() == (1, "REPEATABLE-READ")
    connection.close()
    with pytest.raises(django.db.Error, match="failover_timeout_sec") as refused:
        database(mysql_cluster, failover_timeout_sec="soon").ensure_connection()
    assert isinstance(refused.value.__cause__, errors.AwsWrapperError)


def test_host_is_required(mysql_cluster: Cluster) -> None:
    connection = database(mysql_cluster)
    connection.settings_dict["HOST"] = ""
    with pytest.raises(ImproperlyConfigured, match="HOST"):
        connection.ensure_connection()
