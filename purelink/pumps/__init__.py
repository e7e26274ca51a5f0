"""The pumps: the only code that touches a socket or a clock.

Floor 4. A pump grants the wants of a dialogue (`purelink.wire.wants`) one after another: `blocking`
with plain sockets, `asynchronous` on an asyncio loop. What both share about gathering and about
TLS stands in `channel`.
"""
