"""Studies of the paper's figures and tables, as data: ``tutelage study paper:NAME``."""

from tutelage.studies.models import PaperModel, paper_models
from tutelage.studies.read import SCHEME, studies, study_table

__all__ = ["SCHEME", "PaperModel", "paper_models", "studies", "study_table"]
