"""config.yaml: finding it, reading it, and saying what is wrong with it."""

from nstd.config.find import find_config
from nstd.config.limits import LimitsConfig, LimitsOverride
from nstd.config.load import (
    load_config,
    named_recipe,
    output_from_options,
    reading_from_options,
    recipe_from_options,
    unpainted_from_options,
)
from nstd.config.model import Config, default_cache_dir, default_state_dir
from nstd.config.output import OutputConfig, OutputOverride
from nstd.config.places import BatchConfig, FolderConfig, MoveOriginals, output_name
from nstd.config.recipe import LevelConfig, RecipeConfig, StyleConfig
from nstd.config.sidecar import SIDECAR_SUFFIX, sidecar_of, with_sidecar

__all__ = [
    "SIDECAR_SUFFIX",
    "BatchConfig",
    "Config",
    "FolderConfig",
    "LevelConfig",
    "LimitsConfig",
    "LimitsOverride",
    "MoveOriginals",
    "OutputConfig",
    "OutputOverride",
    "RecipeConfig",
    "StyleConfig",
    "default_cache_dir",
    "default_state_dir",
    "find_config",
    "load_config",
    "named_recipe",
    "output_from_options",
    "output_name",
    "reading_from_options",
    "recipe_from_options",
    "sidecar_of",
    "unpainted_from_options",
    "with_sidecar",
]
