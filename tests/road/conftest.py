"""One box for all tests of the road: starting it takes longer than most of what they do."""

from collections.abc import Iterator

import pytest

from tests.road.box import Box


@pytest.fixture(scope="package")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    try:
        box.start()
        yield box
    finally:
        box.stop()
        print("\n".join(box.lines[-200:]))
