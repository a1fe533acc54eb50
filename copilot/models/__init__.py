"""Language models: providers, the router that survives their failures, and the builtin planner."""
