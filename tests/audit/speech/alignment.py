"""All divisions of the fewest errors, by dynamic programming over sets of counts."""

from functools import cache


def attainable(said, heard):
    """Every (substitutions, deletions, insertions) of an alignment with the fewest errors."""
    said, heard = tuple(said), tuple(heard)

    @cache
    def best(i, j):
        if i == 0 or j == 0:
            return frozenset({(0, i, j)})
        wrong = said[i - 1] != heard[j - 1]
        ways = {(s + wrong, d, n) for s, d, n in best(i - 1, j - 1)}
        ways |= {(s, d + 1, n) for s, d, n in best(i - 1, j)}
        ways |= {(s, d, n + 1) for s, d, n in best(i, j - 1)}
        fewest = min(map(sum, ways))
        return frozenset(way for way in ways if sum(way) == fewest)

    return best(len(said), len(heard))
