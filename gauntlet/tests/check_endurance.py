# SPDX-License-Identifier: MIT
"""What `gauntlet --endure` says of one row that is over quickly, and of a time that is over at once: two passes, and their figures.

usage: check_endurance.py GAUNTLET FOLDER"""

import json
import os
import subprocess
import sys

gauntlet, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
figures = os.path.join(folder, "endurance.json")
ran = subprocess.run(
    [gauntlet, "--plain", "--endure", "0", "--only", "unknown-key", "--only", "two-threads", "--json", figures],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, check=False)
with open(figures, encoding="utf-8") as file:
    said = json.load(file)
problems = []


def expect(what, right):
    if not right:
        problems.append(what)


expect("it ends with 0", ran.returncode == 0)
expect("all is held", said["held"])
expect("there are two passes", len(said["passes"]) == 2)
for each in said["passes"]:
    expect("two rows, both held", each["rows"] == each["held"] == 2 and each["complaints"] == [])
    expect("honest orders, all of them", each["sent"] == each["delivered"] > 0)
    expect("a program that receives, and none that publishes",
           each["sink"]["resident"] > 0 and each["sink"]["descriptors"] > 0 and each["feed"]["resident"] == 0)
expect("a line for each pass, and one for all", "pass 2, " in ran.stdout and "2 passes in " in ran.stdout)
if problems:
    sys.exit("\n".join(problems) + "\n" + ran.stdout)
