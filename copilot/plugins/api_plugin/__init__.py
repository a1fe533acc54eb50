"""Microsoft 365 API plugin manifests v2.1 to v2.4: functions over OpenAPI, remote MCP servers and Office add-ins."""
