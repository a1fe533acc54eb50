"""Where data may go and what may be done: labels, policy, approvals."""
