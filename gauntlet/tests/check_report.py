# SPDX-License-Identifier: MIT
"""Runs the gauntlet on two quick rows and looks at what it writes: the page as a browser and as an XML parser take it,
and the samples in the JSON.

usage: check_report.py GAUNTLET WORK_FOLDER
"""

import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

ROWS = ["plaintext-client", "announced-600MiB"]
MIB = 1 << 20


class Page(html.parser.HTMLParser):
    """What the page is made of: its elements, ids, headings, and every reference that leaves it."""

    def __init__(self):
        super().__init__()
        self.elements, self.ids, self.references, self.images = [], [], [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.elements.append(tag)
        if "id" in named:
            self.ids.append(named["id"])
        for name, value in attributes:
            assert not name.startswith("on"), f"a handler: {name}"
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                self.references.append(value)
        if tag == "svg" and named.get("role") == "img":
            self.images.append(named)


def check_page(text, folder):
    xml.etree.ElementTree.fromstring(text.replace("<!DOCTYPE html>\n", "", 1))
    page = Page()
    page.feed(text)
    page.close()
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    for forbidden in ("script", "link", "img", "iframe", "object", "embed", "base", "form"):
        assert forbidden not in page.elements, forbidden
    for reference in page.references:
        assert reference.startswith("#") and reference[1:] in page.ids, f"leaves the page, or leads nowhere: {reference}"
    assert not re.search(r"https?:|//|url\(|@import|data:", text), "something from outside"
    for path in ("/tmp", "/home", "/root", "/usr/", str(folder), "victim_bare"):
        assert path not in text, f"a path of this machine: {path}"
    for row in ROWS:
        assert f"attack-{row}" in page.ids, row
    # One plot a row, and two where the address space matters; each with a title and a description.
    assert len(page.images) == len(ROWS) + 1, len(page.images)
    for image in page.images:
        for target in image["aria-labelledby"].split():
            assert target in page.ids, target
    assert "2 of 2</strong> attacks held by Ironhouse" in text
    again = " --only ".join(["./scripts/demo", *ROWS])
    for part in ("libzmq", "cppzmq", "libsodium", "Compiler", "Kernel", "Distribution", again):
        assert part in text, part
    assert 'scope="col"' in text and 'scope="row"' in text
    assert "prefers-color-scheme" in text and "@media print" in text


def check_samples(report):
    assert [row["id"] for row in report["rows"]] == ROWS
    assert report["held"] is True and report["seconds"] > 0
    for row in report["rows"]:
        assert {"threats", "attack", "bare", "ironhouse", "figure", "held", "seconds"} <= row.keys()
        for program in ("bare", "ironhouse"):
            processes = row["memory"][program]
            assert len(processes) == 1, (row["id"], program)
            (one,) = processes
            seconds, resident = one["seconds"], one["resident"]
            assert len(seconds) == len(resident) == len(one["space"]) >= 3, (row["id"], program, len(seconds))
            assert seconds == sorted(seconds) and 0 <= seconds[0] and seconds[-1] <= row["seconds"] + 1
            assert all(MIB / 2 < r <= s for r, s in zip(resident, one["space"])), (row["id"], program)
            # The kernel counts the two in different ways, a few pages apart.
            assert one["peak"] >= max(resident) * 0.9
        honest = row["honest"]["ironhouse"]
        assert honest["sent"] == honest["delivered"] > 0 and 0 < honest["median_ms"] <= honest["p90_ms"]
    announced = report["rows"][1]["memory"]
    assert max(announced["bare"][0]["space"]) > 600 * MIB, "what the attack reserves does not show"
    assert max(announced["ironhouse"][0]["space"]) < 600 * MIB


def main():
    gauntlet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    page, figures = folder / "report.html", folder / "report.json"
    command = [gauntlet, "--plain", "--report", folder / "not-this-one.html", "--report", page, "--json", figures]
    for row in ROWS:
        command += ["--only", row]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == f"report: {page}", ran.stdout
    assert not (folder / "not-this-one.html").exists(), "the last --report counts"
    check_page(page.read_text(encoding="utf-8"), folder)
    check_samples(json.loads(figures.read_text(encoding="utf-8")))

    # A place that cannot be written to is noticed before anything is attacked.
    ran = subprocess.run([gauntlet, "--plain", "--report", folder / "missing" / "report.html"], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 2 and "cannot write" in ran.stderr and "eavesdrop" not in ran.stdout, ran
    ran = subprocess.run([gauntlet, "--only", "nothing"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=20, check=False)
    assert ran.returncode == 2 and "--list" in ran.stderr, ran
    for arguments, code in ((["--list"], 0), (["--help"], 0), (["--bogus"], 2)):
        ran = subprocess.run([gauntlet, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
        assert ran.returncode == code, ran


if __name__ == "__main__":
    main()
