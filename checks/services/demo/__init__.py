"""Demo data in bulk: monitors with a past, written with COPY.

``story`` says what happens to a monitor, ``plan`` which monitors there are to be, ``past`` writes down what was said of
them, ``rows`` their results and rollups; ``seeding`` does one after the other.

Demo monitors are paused, so that nobody checks them and no silence is noticed, but keep the status that their story
ends with: lists and pages look as they would. Whoever resumes one has it really checked, at an address under
``.example``, which never answers.
"""

from checks.services.demo.plan import Plan
from checks.services.demo.seeding import TEAM_NAME, AlreadyThere, analyze, clean, demo_ids, demo_team, seed

__all__ = ["TEAM_NAME", "AlreadyThere", "Plan", "analyze", "clean", "demo_ids", "demo_team", "seed"]
