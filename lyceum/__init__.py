"""The ground every room of Lyceum stands on."""

__version__ = "0.1.0"
