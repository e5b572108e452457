"""``python -m onebox`` whose region workers also see the hooks. They get little of a person's environment otherwise."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from onebox import box
from onebox.__main__ import main

box.REGION_MAY_KNOW |= {"PYTHONPATH", "CHAOS_SWITCHES"}
sys.exit(main(sys.argv[1:]))
