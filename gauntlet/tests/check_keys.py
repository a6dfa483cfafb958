# SPDX-License-Identifier: MIT
"""Runs the rows about keys that change while the programs run: Ironhouse holds each of them, the bare program none, and every
process has its memory in the figures and its plot in the page.

usage: check_keys.py GAUNTLET WORK_FOLDER
"""

import json
import pathlib
import shutil
import subprocess
import sys

# Rows, and processes of each program: where orders are acknowledged the honest client is one of them.
ROWS = {"revoked-client": 1, "revoked-silent-subscriber": 1, "server-key-rotation": 2, "client-key-rotation": 2,
        "half-copied-directory": 1, "vanished-directory": 1, "routing-id-theft": 2,
        "routing-id-squat": 2}


def main():
    gauntlet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    page, figures = folder / "report.html", folder / "report.json"
    command = [gauntlet, "--plain", "--report", page, "--json", figures]
    for row in ROWS:
        command += ["--only", row]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(figures.read_text(encoding="utf-8"))
    assert {row["id"] for row in report["rows"]} == ROWS.keys()
    text = page.read_text(encoding="utf-8")
    for row in report["rows"]:
        name = row["id"]
        assert row["held"] and not row["bare_held"], (name, row["bare"], row["ironhouse"], row["figure"])
        assert "could not be run" not in row["bare"], (name, row["bare"])
        assert row["seconds"] < 30, (name, row["seconds"])
        assert f'id="attack-{name}"' in text, name
        for program in ("bare", "ironhouse"):
            processes = row["memory"][program]
            assert len(processes) == ROWS[name], (name, program, len(processes))
            for one in processes:
                assert len(one["seconds"]) == len(one["resident"]) >= 3 and one["peak"] > 0, (name, program)
                assert one["ended"] is None, (name, program, "it ended by itself")
        honest = row["honest"]["ironhouse"]
        assert honest["sent"] == honest["delivered"] > 0 and 0 < honest["median_ms"] <= honest["p90_ms"], name


if __name__ == "__main__":
    main()
