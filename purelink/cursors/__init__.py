"""Cursors and what else PEP 249 and psycopg's users look for on a connection, on both faces.

Floor 5. A module and its asyncio twin, which begins with an `a`, differ in `await`; what they share
is told in `purelink.conversation`.
"""
