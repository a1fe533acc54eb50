"""Every setting of an account is on the page that explains it."""

from __future__ import annotations

import pytest

from copilot.connectors.caldav.options import Options as CalDav
from copilot.connectors.imap.options import Options as Imap
from tests.conftest import ROOT


@pytest.mark.parametrize(("options", "heading"), [(Imap, "## Mail"), (CalDav, "## Calendars")])
def test_each_option_is_documented(options: type[Imap] | type[CalDav], heading: str) -> None:
    page = (ROOT / "docs" / "other_accounts.md").read_text("utf-8")
    section = page.partition(heading)[2].partition("\n## ")[0]
    missing = [name for name in options.model_fields if f"`{name}`" not in section]
    assert missing == []
