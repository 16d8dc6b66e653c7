"""Studies of the paper's figures and tables, as data: ``tutelage study paper:NAME``."""

from tutelage.studies.read import SCHEME, studies, study_table

__all__ = ["SCHEME", "studies", "study_table"]
