"""The skill `web`: search the web, and read single pages of it."""
