"""Calls a Fanfare server: https://github.com/fanfare-push/fanfare.

A thin layer over the generated stubs of :mod:`fanfare.v1`. It adds what every caller needs: a connection with sensible
keepalive, deadlines and retries; status streams that go on by themselves after a lost connection, without a gap or a
duplicate; and errors whose details can be read. :mod:`fanfare.aio` is the same for asyncio.
"""

from ._connect import TLS
from ._errors import Error, Resource, Violation
from ._sync import Client, Deliveries, Results, connect

__all__ = ["TLS", "Client", "Deliveries", "Error", "Resource", "Results", "Violation", "connect"]
