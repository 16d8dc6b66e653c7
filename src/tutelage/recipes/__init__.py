"""Recipes: configs of data sets, one file each, complete but for a student and teachers.

A recipe is a TOML file beside this one. It says where the hub has the data, which splits are trained and
tested on, how a row becomes a prompt, and how long to train: as the paper has it.

Source:
    Qiu et al. 2024, arXiv 2406.07337, appendix A.
"""

from tutelage.recipes.read import SCHEME, config_table, recipe, recipe_text, recipes

__all__ = ["SCHEME", "config_table", "recipe", "recipe_text", "recipes"]
