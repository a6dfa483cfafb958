# SPDX-License-Identifier: MIT
"""Interrupts the gauntlet in the middle of a long row: both programs end with it, the keys made for the run are gone, and
a report of an earlier run stays as it was.

usage: check_interrupt.py GAUNTLET WORK_FOLDER
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time


def children(of):
    """Processes of that program under attack: children of a thread of its."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == of and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def within(seconds, holds):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def gone(pid):
    """Ended, whether or not somebody has noticed yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def main():
    gauntlet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    page, new = folder / "report.html", folder / "new.json"
    page.write_text("of an earlier run")
    for number in (signal.SIGINT, signal.SIGTERM):
        run = subprocess.Popen(
            [gauntlet, "--only", "silent-peer", "--report", page, "--json", new], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)},
            # As a terminal starts it: what started this test may ignore interrupts, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            assert within(30, lambda: len(children(run.pid)) == 2), "both programs run"
            victims = children(run.pid)
            run.send_signal(number)
            said = run.communicate(timeout=10)
        finally:
            run.kill()
            run.wait()
        assert run.returncode == 130, (run.returncode, said)
        assert "interrupted" in said[1] and "not held" not in said[0], said
        assert within(5, lambda: all(gone(pid) for pid in victims)), "a program under attack outlived the gauntlet"
        assert list(scratch.iterdir()) == [], "keys stay behind"
        assert page.read_text() == "of an earlier run" and not new.exists()


if __name__ == "__main__":
    main()
