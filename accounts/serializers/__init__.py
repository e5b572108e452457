"""As the API takes and gives it."""
