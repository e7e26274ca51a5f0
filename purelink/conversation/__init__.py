"""Conversations: dialogues composed into what a caller means.

Floor 3, pure: connect over several hosts, query and prepare, begin and end transactions, recover
after a timeout. Each is a generator that yields the wants of `purelink.wire.wants`; a pump of
either kind runs it. No clock, no socket, no randomness: they are handed in or asked for.
"""
