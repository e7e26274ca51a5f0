"""SQLAlchemy's own dialect suite, run on purelink's dialects and on psycopg's, side by side."""
