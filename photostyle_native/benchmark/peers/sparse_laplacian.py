"""The Matting Laplacian as a sparse matrix, as ports use it, built with torch on any device."""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW = 9


def csr(image: Tensor, eps: float = 1e-7) -> Tensor:
    """Build L of a guide image (3, H, W): float32 CSR with int32 indices (Levin et al. 2008, eq. 5)."""
    height, width = image.shape[-2:]
    pixels = torch.arange(height * width, device=image.device).view(height, width)
    members = pixels.unfold(0, 3, 1).unfold(1, 3, 1).reshape(-1, WINDOW)
    matrix = None
    # A window gives 81 entries, of which 25 per pixel remain when they are merged; slices of windows save memory.
    for part in members.split(1 << 18):
        colors = image.double().flatten(1).T[part]
        centred = colors - colors.mean(1, keepdim=True)
        ridge = eps * torch.eye(3, dtype=torch.float64, device=image.device)
        system = centred.mT @ centred + ridge
        fit = centred @ torch.linalg.solve(system, centred.mT) + 1 / WINDOW
        values = (torch.eye(WINDOW, dtype=torch.float64, device=image.device) - fit).flatten()
        rows = part[:, :, None].expand(-1, -1, WINDOW).flatten()
        columns = part[:, None, :].expand(-1, WINDOW, -1).flatten()
        size = (height * width,) * 2
        entries = torch.sparse_coo_tensor(
            torch.stack([rows, columns]), values, size, check_invariants=False
        ).coalesce()
        matrix = entries if matrix is None else (matrix + entries).coalesce()
    assert matrix is not None
    rows = matrix.indices()[0]
    starts = torch.searchsorted(rows, torch.arange(height * width + 1, device=image.device))
    return torch.sparse_csr_tensor(
        starts.to(torch.int32),
        matrix.indices()[1].to(torch.int32),
        matrix.values().float(),
        size=matrix.shape,
        check_invariants=True,
    )
