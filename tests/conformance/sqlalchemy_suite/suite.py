"""SQLAlchemy's tests, for pytest to collect under the plugin; not in the default run."""

from __future__ import annotations

from sqlalchemy.testing.suite import *  # noqa: F403 - the tests are the names
