"""The skill `teams`: chats and channels are found and read, messages posted, and who can be reached."""
