"""The version, in one place: hatchling reads it, `purelink.__version__` shows it."""

__version__ = "0.1.0"
