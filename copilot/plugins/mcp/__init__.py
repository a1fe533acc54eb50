"""MCP servers (Model Context Protocol): read from `mcpServers` files, supervised, and offered as skills."""
