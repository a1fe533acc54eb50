"""Where plugins come from: each source fetches into a private folder, runs nothing of what it fetched, and says which
version it got."""
