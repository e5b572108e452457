"""What is done about a verdict or by a person: incidents, their events, and regions in trouble of their own."""
