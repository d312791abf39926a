import numpy as np

from training.data.training_data import TrainingData


def test_rows_of_a_role_are_in_the_order_of_the_data() -> None:
    names = np.array(["a", "b", "c", "d"])
    roles = np.array(["val", "train", "val", "train"])
    data = TrainingData(names, names, ("x", "y"), np.array([0, 0, 1, 1]), roles, {})
    assert len(data) == 4
    assert data.rows("train").tolist() == [1, 3]
    assert data.rows("val").tolist() == [0, 2]
