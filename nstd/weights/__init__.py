"""Networks' weights: fetched, imported, verified and loaded, with no pickle code ever executed.

`file` is the one file format the rest of nstd reads, checked without torch; `canonical` loads it as
tensors, `convert` brings other projects' files into it, `download` moves bytes, `fetch` gets
torchvision's VGG-19 and RAFT, `raft` is the latter's file, and `catalog` knows names.
"""
