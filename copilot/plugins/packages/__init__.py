"""Plugins that are folders of skills, servers and commands: Agent Plugins, Claude and Codex, marketplaces."""
