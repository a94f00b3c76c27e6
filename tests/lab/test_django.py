# SPDX-License-Identifier: Apache-2.0
"""Django's ORM on a MySQL cluster, through our backend, in both builds of the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import django.db
import pytest
from aurora_lab import Cluster
from django.core.exceptions import ImproperlyConfigured

from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from django_help import database


class Mark(django.db.models.Model):
    """What the tests write."""

    n = django.db.models.IntegerField(unique=True)

    class Meta:
        app_label = "marks"
        db_table = "django_marks"


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


def test_connection_that_has_moved_is_set_up_anew_for_the_next_request(
    mysql_cluster: Cluster, connection: Any
) -> None:
    def set_up(connection: Any, **_: Any) -> None:
        connection.cursor().execute("CREATE TEMPORARY TABLE mine (n INT)")

    created = django.db.backends.signals.connection_created
    connection.close()
    created.connect(set_up)
    try:
        connection.cursor().execute("SELECT * FROM mine")
        mysql_cluster.failover(how="crash")
        with pytest.raises(django.db.OperationalError, match="temporary table mine is gone"):
            Mark.objects.count()
        django.db.reset_queries()
        connection.close_if_unusable_or_obsolete()  # as Django does around each request
        connection.cursor().execute("SELECT * FROM mine")
    finally:
        created.disconnect(set_up)


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


def a_part() -> None:
    with django.db.transaction.atomic():
        Mark.objects.create(n=100)


@pytest.mark.parametrize(
    "query",
    [
        a_part,
        lambda: list(Mark.objects.raw("SELECT * FROM django_marks")),
        lambda: django.db.connection.cursor().execute("SELECT 1"),
    ],
    ids=["atomic", "raw", "cursor"],
)
def test_atomic_that_caught_the_failover_leaves_nothing(
    mysql_cluster: Cluster, connection: Any, query: Callable[[], Any]
) -> None:
    def whole() -> None:
        with django.db.transaction.atomic():
            Mark.objects.create(n=1)
            mysql_cluster.failover(how="crash")
            with pytest.raises(django.db.OperationalError):
                query()
            Mark.objects.create(n=2)

    with pytest.raises(django.db.OperationalError):
        whole()
    assert Mark.objects.count() == 0
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
