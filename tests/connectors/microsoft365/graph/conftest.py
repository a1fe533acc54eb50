from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.connectors.microsoft365.graph.serving import Desk
from tests.connectors.microsoft365.graph.serving import desk as made


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with made() as found:
        yield found
