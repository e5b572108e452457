"""The part that looks at the outside world. Knows neither Django nor a database, so a region needs neither."""
