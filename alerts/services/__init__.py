"""From an event to somebody's pocket.

``channels`` and ``rulebook`` keep what people choose, ``planning`` makes deliveries of events, ``sending`` carries them
out, ``upkeep`` brings round again what was held, lost or given up.
"""
