"""What every app needs and none owns. It knows no app and no model."""
