"""The page for people without Teams: Bot Framework Web Chat, and the part of Direct Line 3.0 that it needs."""
