"""The fixtures of these tests; without the extra `mcp` there is nothing to test."""

from __future__ import annotations

try:
    from tests.hosts.mcp_server.serving import bundled as bundled
    from tests.hosts.mcp_server.serving import connect as connect
except ImportError:
    collect_ignore_glob = ["test_*.py"]
