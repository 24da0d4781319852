"""Everything on the list ends in a typed refusal, soon, and the server does not grow."""

import resource

import pytest

from supersede.errors import ArtefactError
from tests.bounty.artefacts.attacks import ATTACKS


def cpu():
    """Seconds of CPU that this process and its children have used: a busy machine is not slow."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_ends_in_a_typed_refusal(attack, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = cpu()
    with pytest.raises(attack.error, match=attack.says) as caught:
        attack.run(tmp_path)
    assert isinstance(caught.value, ArtefactError)
    assert cpu() - spent < 25
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50
    assert not (tmp_path / "canary").exists()
