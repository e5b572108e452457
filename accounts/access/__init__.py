"""What stands between a request and a view: who asks, what the role allows, how often, in whose language and time."""
