"""One job from claim to done, and runs that end: `stylize` and `batch`."""
