"""Networks' weights: fetched, imported, verified and loaded, with no pickle code ever executed.

`canonical` is the one file format the rest of nstd reads, `convert` brings other projects' files
into it, `download` moves bytes, `fetch` is torchvision's VGG-19, and `catalog` knows names.
"""

from nstd.weights.canonical import (
    LAYERS,
    NetworkWeights,
    file_sha256,
    load_weights,
    present_layers,
    save_weights,
)
from nstd.weights.catalog import (
    AUTO,
    POCKET,
    ChosenNetwork,
    WeightsEntry,
    choose_network,
    find_weights,
    list_weights,
    verify_weights,
)
from nstd.weights.convert import LAYOUTS, Layout, import_weights
from nstd.weights.fetch import fetch_vgg19

__all__ = [
    "AUTO",
    "LAYERS",
    "LAYOUTS",
    "POCKET",
    "ChosenNetwork",
    "Layout",
    "NetworkWeights",
    "WeightsEntry",
    "choose_network",
    "fetch_vgg19",
    "file_sha256",
    "find_weights",
    "import_weights",
    "list_weights",
    "load_weights",
    "present_layers",
    "save_weights",
    "verify_weights",
]
