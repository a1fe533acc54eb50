"""The one place where the agent is put together, and the event stream that every host shows."""
