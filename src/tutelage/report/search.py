"""What the page and the terminal show of a search, whatever its kind."""

from tutelage.report.choice import choice_view
from tutelage.report.search_view import SearchView
from tutelage.report.tuning import tuning_view
from tutelage.results.choice import Choice
from tutelage.results.tuning import Tuning

__all__ = ["view_of"]


def view_of(search: Tuning | Choice) -> SearchView:
    """Return the tables, chart and sentences of a search."""
    return choice_view(search) if isinstance(search, Choice) else tuning_view(search)
