"""Ridge regression on Jacobians from one decomposition: every penalty, and exact leave-one-out.

With J of shape (N, P), N = n·C, residuals r = y − f(·; w₀) and penalty λ,

    min over δ of ½ ‖J δ − r‖² + ½ λ ‖δ‖²

has the fitted residual e = r − S r with S = K (K + λ)⁻¹ and K = J Jᵀ, and δ = Jᵀ e / λ. From the
eigenvalues s and eigenvectors U of K (or, where P is smaller, of Jᵀ J), S = U diag(s / (s + λ)) Uᵀ.

Without item i, whose C rows leave together, its residual is (I − S_ii)⁻¹ e_i. This is exact: no item
is left out in fact.

References:
    Golub, Heath & Wahba (1979), Generalized cross-validation, Technometrics 21, equation 2.1, here
    for blocks of rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Spectrum", "of_features", "of_kernel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and eigenvectors of K.

    Attributes:
        values: Eigenvalues, ``(r,)``, 0 or more.
        vectors: Eigenvectors, ``(N, r)``; where r < N, the other eigenvalues are zero.
        scale: Mean of K's diagonal, the unit in which penalties are tried.
    """

    values: Floats
    vectors: Floats
    scale: float

    @property
    def whole(self) -> bool:
        """Whether all eigenvectors are there."""
        return bool(self.vectors.shape[0] == self.vectors.shape[1])

    def residual(self, r: Floats, penalty: float) -> Floats:
        """E = r − S r, for r of shape ``(N,)`` or ``(N, m)``."""
        inside = self.vectors.T @ r
        if self.whole:  # without the difference of two large numbers
            made: Floats = self.vectors @ self._times(penalty / (self.values + penalty), inside)
        else:
            made = r - self.vectors @ self._times(self.values / (self.values + penalty), inside)
        return made

    def blocks(self, penalty: float, outputs: int) -> Floats:
        """The diagonal blocks I − S_ii, ``(n, C, C)``."""
        cut = self.vectors.reshape(-1, outputs, self.vectors.shape[1])
        if self.whole:
            made: Floats = (cut * (penalty / (self.values + penalty))) @ cut.transpose(0, 2, 1)
        else:
            made = np.eye(outputs) - (cut * (self.values / (self.values + penalty))) @ (
                cut.transpose(0, 2, 1)
            )
        return made

    def leave_one_out(self, r: Floats, penalty: float) -> Floats:
        """Residuals of each item under the fit without it, for r of shape ``(n, C)``."""
        e = self.residual(r.reshape(-1), penalty).reshape(r.shape)
        left = np.linalg.solve(self.blocks(penalty, r.shape[1]), e[..., None])[..., 0]
        return np.asarray(left, np.float64)

    @staticmethod
    def _times(weights: Floats, values: Floats) -> Floats:
        return weights * values if values.ndim == 1 else weights[:, None] * values


def of_kernel(kernel: Floats) -> Spectrum:
    """From K itself, ``(N, N)``."""
    values, vectors = np.linalg.eigh(kernel)
    return Spectrum(np.maximum(values, 0.0), vectors, float(np.trace(kernel)) / len(kernel))


def of_features(jacobian: Floats) -> Spectrum:
    """From J ``(N, P)`` with P < N, by its smaller Gram matrix."""
    values, vectors = np.linalg.eigh(jacobian.T @ jacobian)
    kept = values > values[-1] * np.finfo(float).eps * len(values)
    values, vectors = values[kept], vectors[:, kept]
    scale = float(values.sum()) / len(jacobian)
    return Spectrum(values, (jacobian @ vectors) / np.sqrt(values), scale)
