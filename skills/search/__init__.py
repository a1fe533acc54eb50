"""The skill `search`: one search over files, mail, chats, events, people and sites, and passages for a question."""
