"""The pages for getting in, and for what is one's own once one is in."""
