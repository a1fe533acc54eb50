"""Office files: read, edited and saved losslessly. Knows nothing of agents, models or workspaces."""
