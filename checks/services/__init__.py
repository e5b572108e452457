"""The road of a check.

``dispatch`` hands out what is due, ``ledger`` sends it and asks again when nothing comes back, ``ingest`` takes in what
comes home, ``store`` writes it down once, ``stats`` and ``storage`` keep the figures and the space, ``trial`` runs a
check that is not kept.
"""
