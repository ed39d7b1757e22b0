"""How the frames of a shot hold together: warped, trusted, held. Tensors only."""
