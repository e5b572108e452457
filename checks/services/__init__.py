"""The road of a check.

``dispatch`` hands out what is due, ``ledger`` sends it and asks again when nothing comes back, ``ingest`` takes in what
comes home, ``store`` writes it down once, ``rollups`` sum it up, ``stats`` and ``storage`` keep the figures and the
space, ``watch`` notices regions that fall silent, ``trial`` runs a check that is not kept. ``demo`` makes up a past.
"""
