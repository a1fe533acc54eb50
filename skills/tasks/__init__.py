"""The skill `tasks`: one's own lists and shared plans; what is to be done, and changes that show before and after."""
