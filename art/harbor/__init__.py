"""The film of `nstd demo`: a harbor at dusk, drawn frame by frame, with sound."""
