"""One loss of several batches holds rows twice where there are too few."""

from tutelage.config import TrainConfig
from tutelage.experiment.repeated_rows import repeated_rows


def test_rows_that_come_twice_in_one_loss_are_told():
    def words(processes=1, rows=120, joined="global", **settings):
        train = TrainConfig(**settings)
        return repeated_rows(train, joined=joined, labelled=rows, processes=processes)

    (word,) = words(2, batch_size=100)
    assert "over 200 rows (1 x 2 batches of 100), and there are 120" in word
    assert word.endswith("train.batch_size = 60 is at most one of each")
    (word,) = words(2, rows=60, joined="step", batch_size=100, accumulate=3)
    assert "over 360 rows (3 x 2 batches of 60)" in word
    assert words(2, batch_size=60) == words(2, joined="local", batch_size=100) == []
    assert words(1, batch_size=100, accumulate=3) == words(1, rows=50, batch_size=100) == []
