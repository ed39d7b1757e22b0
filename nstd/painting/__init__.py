"""One segment of a film, painted: a recipe on a device, the frames that come, what is carried.

It is not called `paint`: `nstd.paint` is the public function, and a package of that name would take
its place as soon as anything is imported from it.
"""
