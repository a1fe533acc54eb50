from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.web.site import Site, running


@pytest.fixture(scope="module")
def _site() -> Iterator[Site]:
    with running() as made:
        yield made


@pytest.fixture
def site(_site: Site) -> Site:
    _site.pages.clear()
    _site.asked.clear()
    return _site
