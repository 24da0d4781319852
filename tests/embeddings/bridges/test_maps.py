import numpy as np
import pytest

from supersede.embeddings import (
    apply_to_file,
    fit_clusters,
    fit_head,
    fit_procrustes,
    fit_residual_mlp,
    fit_ridge,
    load_map,
    save_map,
)
from supersede.embeddings.bridges.heads import _gradient, head_path
from supersede.embeddings.vectors import unit
from supersede.errors import ArgumentError, IndexAccessError, TooFewLabelsError, VectorError
from tests.embeddings.made import world


@pytest.fixture(scope="module")
def spaces():
    made = world(gallery=900, d_old=8, d_new=12)
    return made.gallery_new, made.gallery_old


@pytest.mark.parametrize("fit", [fit_procrustes, fit_ridge, fit_clusters, fit_residual_mlp])
def test_maps_cross_dimensions_and_survive_a_file(spaces, fit, tmp_path):
    new, old = spaces
    made = fit(new[:600], old[:600])
    near = (made.apply(new[600:]) * unit(old[600:])).sum(1).mean()
    assert near > 0.9
    again = load_map(save_map(made, tmp_path / "map.npz"))
    assert again.kind == made.kind
    np.testing.assert_array_equal(again.apply(new), made.apply(new))


def test_a_rotation_is_found_exactly():
    made = world()
    fitted = fit_procrustes(made.gallery_new, made.gallery_old)
    np.testing.assert_allclose(fitted.apply(made.gallery_new), unit(made.gallery_old), atol=1e-5)


def test_ridge_against_the_normal_equations():
    rng = np.random.default_rng(0)
    x, y = unit(rng.normal(size=(50, 4))), unit(rng.normal(size=(50, 3)))
    level = 0.3 * np.trace(x.T @ x) / 4
    expected = np.linalg.solve(x.T @ x + level * np.eye(4), x.T @ y).T
    np.testing.assert_allclose(fit_ridge(x, y, 0.3).matrix, expected, atol=1e-5)


def test_files_are_mapped_block_by_block(spaces, tmp_path):
    new, old = spaces
    np.save(tmp_path / "new.npy", new.astype(np.float16))
    made = fit_ridge(new, old)
    written = apply_to_file(made, tmp_path / "new.npy", tmp_path / "mapped.npy")
    np.testing.assert_allclose(written, made.apply(new.astype(np.float16)), atol=1e-6)
    np.save(tmp_path / "columns.npy", np.asfortranarray(new))
    np.testing.assert_allclose(
        apply_to_file(made, tmp_path / "columns.npy", tmp_path / "columns.npy"),
        made.apply(new), atol=1e-6,
    )  # fmt: skip
    with pytest.raises(IndexAccessError, match="cannot read vectors"):
        apply_to_file(made, tmp_path / "none.npy", tmp_path / "mapped.npy")
    np.save(tmp_path / "new.npy", np.where(np.arange(len(new))[:, None] == 5, np.nan, new))
    with pytest.raises(VectorError, match="row 5"):
        apply_to_file(made, tmp_path / "new.npy", tmp_path / "half.npy")
    assert not (tmp_path / "half.npy").exists()


def test_misfits_are_refused(spaces, tmp_path):
    new, old = spaces
    with pytest.raises(VectorError, match="a pair is one of each"):
        fit_ridge(new[:10], old[:9])
    with pytest.raises(ArgumentError, match="penalty=0"):
        fit_ridge(new, old, 0)
    with pytest.raises(VectorError, match="takes vectors of 12 dimensions"):
        fit_ridge(new, old).apply(old)
    with pytest.raises(TooFewLabelsError, match="clusters need"):
        fit_clusters(new[:20], old[:20], 8)
    (tmp_path / "bad.npz").write_bytes(b"no map")
    with pytest.raises(IndexAccessError, match="cannot read a bridge"):
        load_map(tmp_path / "bad.npz")


def test_the_gradient_of_a_head_is_torchs():
    import torch

    rng = np.random.default_rng(0)
    x, d = (unit(rng.normal(size=(20, k))) for k in (5, 4))
    which = np.array([*range(18), 3, 3])
    matrix = rng.normal(size=(4, 5)).astype(np.float32)
    m = torch.tensor(matrix, requires_grad=True)
    logits = torch.nn.functional.normalize(torch.tensor(x) @ m.T) @ torch.tensor(d).T / 0.05
    same = torch.tensor((which[:, None] == which[None]) & ~np.eye(20, dtype=bool))
    loss = torch.nn.functional.cross_entropy(logits.masked_fill(same, -torch.inf), torch.arange(20))
    loss.backward()
    np.testing.assert_allclose(_gradient(matrix, x, d, which), m.grad.numpy(), atol=1e-4)


def test_heads_learn_from_pairs_and_start_where_told():
    made = world(n=600, gallery=600, d_old=12, old_noise=0.2)
    tilted = made.queries_old * np.linspace(0.2, 2, 12)
    heads = head_path(tilted, made.gallery_old[made.answers], epochs=(0, 600))
    near = [(h.apply(tilted) * unit(made.gallery_old[made.answers])).sum(1).mean() for h in heads]
    assert near[1] > near[0] + 0.02
    np.testing.assert_array_equal(heads[0].matrix, np.eye(12))
    with pytest.raises(ArgumentError, match="increase"):
        head_path(tilted, tilted, epochs=(4, 2))
    with pytest.raises(VectorError, match="pairs"):
        fit_head(tilted[:1], tilted[:1])
