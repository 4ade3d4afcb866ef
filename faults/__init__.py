"""Where tests end a process in mid-work; below every room, and nothing at all unless POSTERITY_FAULT is set."""
