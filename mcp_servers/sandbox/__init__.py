"""Runs Python where it can reach no file, no network and no secret of this machine."""
