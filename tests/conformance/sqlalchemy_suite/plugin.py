"""The pytest plugin of one run: SQLAlchemy's own, with purelink's dialects made known."""

from __future__ import annotations

import importlib

import pytest

import purelink.sqlalchemy

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
purelink.sqlalchemy.register()

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403 - a plugin is its names

# How the suite sets up tables, schemas and types on PostgreSQL; a dialect of SQLAlchemy's own
# brings it along.
importlib.import_module("sqlalchemy.dialects.postgresql.provision")
