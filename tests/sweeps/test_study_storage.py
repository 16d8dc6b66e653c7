"""Places of a shared study that cannot be used are told at once; journals are in test_optuna_study."""

import sys

import pytest

from tutelage.config import ExperimentConfig, load_config
from tutelage.errors import ConfigError
from tutelage.sweeps.compare import compare
from tutelage.sweeps.study_storage import check_storage
from tutelage.sweeps.tune import tune


def test_places_that_work_are_not_refused(tmp_path):
    for storage in (None, f"sqlite:///{tmp_path}/a.db", str(tmp_path / "a.journal")):
        check_storage(storage)
        check_storage(storage)


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("nonsense://host/name", "is no URL of a database"),
        ("sqlite:/one-slash://", "is no URL of a database"),
        ("postgresql+nowhere://host/name", "is no URL of a database"),
        ("firebird://host/name", "is no URL of a database"),
        ("sqlite:////nowhere/at/all.db", r"cannot be used \(.*unable to open"),
        ("sqlite:///", r"names no file.*write sqlite:///FILE"),
        ("sqlite://", "names no file"),
        ("sqlite+pysqlite:///:memory:", "names no file"),
        ("sqlite:///file::memory:?uri=true", "names no file"),
        ("sqlite:///file:x?mode=memory&cache=shared&uri=true", "names no file"),
        ("/nowhere/at/all.journal", "there is no folder /nowhere/at; create it"),
        ("/tmp", "is a folder; give a file in it, such as /tmp/tune.journal"),
    ],
)
def test_places_that_cannot_be_used_are_told(storage, said):
    with pytest.raises(ConfigError, match=said):
        check_storage(storage)


def test_a_missing_driver_is_named(monkeypatch):
    for module in ("psycopg", "psycopg2"):  # versions of SQLAlchemy differ in which they take
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ConfigError, match=r"needs the package psycopg.*binary.*pip install .psycopg"
    ):
        check_storage("postgresql://me@localhost/name")


def test_another_file_is_no_journal(tmp_path):
    (tmp_path / "notes.txt").write_text("milk\neggs\n")
    with pytest.raises(ConfigError, match=r"notes\.txt.* is no journal of a search"):
        check_storage(str(tmp_path / "notes.txt"))
    assert (tmp_path / "notes.txt").read_text() == "milk\neggs\n"


TABLE = {"data": {"source": "folder:none"}, "transfer": {"method": "stl"}}


def test_it_is_told_before_the_data_is_opened(tmp_path):
    config = load_config([TABLE], assignments=["tune.storage=nonsense://x"])
    with pytest.raises(ConfigError, match="is no URL of a database"):
        tune(config)


def test_a_password_would_be_written_into_results():
    for url in ("postgresql://me:secret@host/name", "mysql+pymysql://me:secret@host/name"):
        with pytest.raises(ConfigError, match=r"tune\.storage: the URL holds a password") as told:
            load_config([TABLE], assignments=[f"tune.storage={url}"])
        assert "secret" not in str(told.value)
    load_config([TABLE], assignments=["tune.storage=postgresql://me@host/name"])


def test_a_comparison_has_no_use_for_it(tmp_path):
    config = ExperimentConfig.model_validate(
        TABLE | {"tune": {"storage": "x"}, "compare": {"tune": True}, "output": {"dir": tmp_path}}
    )
    with pytest.raises(ConfigError, match=r"tune\.storage is for 'tutelage tune'"):
        compare(config)
