"""What all of the REST API has in common: conditions, safe repetition, its description and the page that shows it."""
