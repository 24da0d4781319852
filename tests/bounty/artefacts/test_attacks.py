"""Everything on the list ends in a typed refusal, soon, and the server does not grow."""

import resource
import time

import pytest

from supersede.errors import ArtefactError
from tests.bounty.artefacts.attacks import ATTACKS


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_ends_in_a_typed_refusal(attack, tmp_path):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(attack.error, match=attack.says) as caught:
        attack.run(tmp_path)
    assert isinstance(caught.value, ArtefactError)
    assert time.monotonic() - start < 25
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50
    assert not (tmp_path / "canary").exists()
