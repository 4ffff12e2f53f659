"""Real servers for tests, started on free loopback ports in temporary folders and gone with the test run."""

from tests.servers.gate import Gate
from tests.servers.pgbouncer import PgBouncer
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer, create_database, shared_postgres
from tests.servers.valkey import ValkeyServer

__all__ = ["Gate", "PgBouncer", "PostgresServer", "ValkeyServer", "create_database", "free_port", "shared_postgres"]
