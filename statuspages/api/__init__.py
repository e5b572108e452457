"""Programs speak to it here."""
