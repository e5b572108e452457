"""Programs speak to it here: ``doors`` let them in, ``teams`` is what belongs to a team."""
