"""dblink for Python programs: a session with one unnamed and many named connections.

`Session` and `AsyncSession` have dblink's functions; `Catalog` holds foreign servers, user mappings
and grants. All three are handed out by `purelink` itself.
"""
