"""How a session runs: the plan, worker processes, passes."""
