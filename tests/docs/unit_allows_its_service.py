#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The unit of example 06 allows every system call and address family of its service: one too strict would kill it.

    unit_allows_its_service.py UNIT FOLDER_OF_THE_PROGRAMS
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

UNIT, PROGRAMS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()


def calls(group):
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = {line.strip() for line in said.stdout.split("\n")} - {"", group}
    return {name for name in names if name[0].isalpha()}.union(*(calls(name) for name in names if name[0] == "@"))


def values(setting):
    return re.findall(rf"^{setting}=(.*)$", UNIT.read_text(), re.M)


for needed in ("strace", "systemd-analyze"):
    if shutil.which(needed) is None or subprocess.run([needed, "--version"], capture_output=True).returncode != 0:
        print(f"skipped: not installed (Debian: {needed})")
        sys.exit(0)
allowed = set()
for line in values("SystemCallFilter"):
    groups = set().union(*(calls(name) for name in line.lstrip("~").split()))
    allowed = allowed - groups if line.startswith("~") else allowed | groups

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    make_keys = [PROGRAMS / "example_01_hello_curve_keys"]
    made = subprocess.run(make_keys, cwd=folder, capture_output=True, text=True, check=True)
    (folder / "credentials").mkdir()
    (folder / "server.key_secret").rename(folder / "credentials/server.key_secret")
    heard = folder / "heard"
    service = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", folder / "trace", PROGRAMS / "example_06_systemd_credential_orders", "tcp://*:*",
         folder / "clients"],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(folder / "credentials")}, stdout=open(heard, "w"),
        stderr=subprocess.DEVNULL, start_new_session=True)

    def wait_for(text):
        until = time.monotonic() + 60
        while not re.search(text, heard.read_text()):
            if time.monotonic() > until or service.poll() is not None:
                sys.exit(f"waited in vain for: {text}")
            time.sleep(0.02)
        return re.search(text, heard.read_text())

    try:
        port = wait_for(r"orders are taken at \S*:(\d+)\n")[1]
        key = made.stdout.strip().split("\n")[-1]
        client = [PROGRAMS / "example_06_systemd_credential_client", f"tcp://127.0.0.1:{port}", key]
        subprocess.run(client, cwd=folder, check=True)
        wait_for("ann orders one thousand widgets")
        os.killpg(service.pid, signal.SIGTERM)
        service.wait(60)
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
    trace = (folder / "trace").read_text()

used = set(re.findall(r"^\d+ +(\w+)\(", trace, re.M))
families = set(re.findall(r"\bsocket\((AF_\w+)", trace))
if len(used) < 20 or not families:
    sys.exit("the trace shows hardly anything")
if used - allowed:
    sys.exit(f"SystemCallFilter= kills the service for {', '.join(sorted(used - allowed))}")
if families - set(" ".join(values("RestrictAddressFamilies")).split()):
    sys.exit(f"RestrictAddressFamilies= refuses one of {', '.join(sorted(families))}")
print(f"{len(used)} system calls of {len(allowed)} allowed; {', '.join(sorted(families))}")
