"""Means over squares, as torch and numpy have them."""

import pytest
import torch
import torch.nn.functional as F

from nstd.style.canvas import square_means

HEIGHT, WIDTH = 96, 128
IMAGE = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    ("edge", "size"),
    [
        (16.0, (6, 8)),
        (18.4, (5, 7)),
        (200.0, (1, 1)),
        (1.0, (96, 128)),
        (1.3, (74, 98)),
        (0.96, (100, 133)),
    ],
)
def test_means_over_squares_are_those_of_torch_and_of_the_pixels_in_them(
    edge: float, size: tuple[int, int]
) -> None:
    found = square_means(IMAGE, edge)
    assert torch.equal(found, F.interpolate(IMAGE, size, mode="area"))
    pixels = IMAGE[0].double().numpy()
    edges = [
        [(i * whole // parts, -(-(i + 1) * whole // parts)) for i in range(parts)]
        for whole, parts in zip((HEIGHT, WIDTH), size, strict=True)
    ]
    for i, (top, bottom) in enumerate(edges[0][::7]):
        for j, (left, right) in enumerate(edges[1][::7]):
            due = pixels[:, top:bottom, left:right].mean(axis=(1, 2))
            assert found[0, :, 7 * i, 7 * j].tolist() == pytest.approx(due, rel=1e-5)
