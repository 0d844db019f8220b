"""The tiers of full Python that work on the machine that runs the tests."""

from __future__ import annotations

import pytest

from mcp_servers.sandbox.bubblewrap import Bubblewrap
from mcp_servers.sandbox.confined import Confined
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.sandbox.tiers import lacking


@pytest.fixture(params=[Bubblewrap, Landlock], ids=["bubblewrap", "landlock"])
def tier(request: pytest.FixtureRequest) -> Confined:
    kind: type[Confined] = request.param
    missing = lacking(kind.name)
    if missing:
        pytest.skip(missing)
    return kind()
