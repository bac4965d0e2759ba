"""Django's ``SessionTestsMixin``, in both colours, on every storage and every place.

No test of it is opted out.
"""

from frontdesk.engine import SessionStore
from tests.django_suite import places, source

# The models belong to an app that is not installed, and to Django's own engine.
_models = source.stub("sessions_tests.models", SessionStore=None)
django_tests = source.load("sessions_tests.tests", models=_models)


class SessionTests(django_tests.SessionTestsMixin):
    backend = SessionStore


class TestMemory(SessionTests, places.OnMemory):
    pass


class TestFiles(SessionTests, places.OnFiles):
    pass


@places.on_database("sqlite")
class TestSqlite(SessionTests, places.OnDatabase):
    pass


@places.on_database("postgresql")
class TestPostgresql(SessionTests, places.OnDatabase):
    pass


@places.on_database("mariadb")
class TestMariadb(SessionTests, places.OnDatabase):
    pass


class TestLocalMemoryCache(SessionTests, places.OnLocalMemoryCache):
    pass


class TestMemcached(SessionTests, places.OnMemcached):
    pass


class TestRedis(SessionTests, places.OnRedis):
    pass


class TestRedisCluster(SessionTests, places.OnRedisCluster):
    pass


class TestRedisCache(SessionTests, places.OnRedisCache):
    pass


@places.on_database("sqlite")
class TestSqliteCache(SessionTests, places.OnDatabaseCache):
    pass


@places.on_database("postgresql")
class TestPostgresqlCache(SessionTests, places.OnDatabaseCache):
    pass


@places.on_database("mariadb")
class TestMariadbCache(SessionTests, places.OnDatabaseCache):
    pass


@places.on_database("sqlite")
class TestRedisBeforeSqlite(SessionTests, places.OnRedisBeforeTheDatabase):
    pass


@places.on_database("postgresql")
class TestRedisBeforePostgresql(SessionTests, places.OnRedisBeforeTheDatabase):
    pass


@places.on_database("mariadb")
class TestRedisBeforeMariadb(SessionTests, places.OnRedisBeforeTheDatabase):
    pass


@places.on_database("sqlite")
class TestMemcachedBeforeSqlite(SessionTests, places.OnMemcachedBeforeTheDatabase):
    pass
