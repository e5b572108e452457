"""Pages that a team shows to the world: what works, what does not, and what is being done about it."""
