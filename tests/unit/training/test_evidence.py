"""What the report shows of held-out users is what the run says of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.small_run import write_small_run
from training.report.evidence import read_evidence
from training.run_folder import write_json


def test_held_out_users_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Of songs all count and not only those that the model knows; the third user is not on the map."""
    run = write_small_run(tmp_path)
    write_json(run / "history.json", [{"phase": "first", "epoch": 1, "loss": 0.5}])
    columns = {
        "user_id": ["a", "b", "c"],
        "gender": ["m", "f", "m"],
        "probability": [0.9, 0.2, 0.4],
        "songs": [3, 40, 7],
        "known_songs": [2, 39, 5],
        "cluster": [0, 2, 1],
        "map_x": [1.0, 2.0, None],
        "map_y": [-1.0, 5.0, None],
    }
    pq.write_table(pa.table(columns), run / "predictions.parquet")
    evidence = read_evidence(run)
    assert evidence.target.tolist() == [1, 0, 1]
    assert evidence.probability.tolist() == columns["probability"]
    assert evidence.songs.tolist() == columns["songs"]
    assert evidence.cluster.tolist() == columns["cluster"]
    assert np.array_equal(evidence.places, [[1, -1], [2, 5], [np.nan, np.nan]], equal_nan=True)
    assert evidence.threshold == evidence.summary["calibration"]["threshold"] == 0.6
    assert evidence.history[0]["loss"] == 0.5
