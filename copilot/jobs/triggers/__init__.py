"""What begins runs without a person: schedules, and folders that are watched."""
