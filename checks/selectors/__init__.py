"""Reading what is due, what was found, the figures made of it, and how checking itself does."""
