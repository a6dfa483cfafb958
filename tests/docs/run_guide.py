#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays a guide as a reader would: every command and program on the page, in order, in one shell and a fresh folder.

    run_guide.py --root REPOSITORY --unit FILE
    run_guide.py --root REPOSITORY --build BUILD_FOLDER [--command IRONHOUSE] [--full] [--cxx COMPILER] PAGE

What stands before a fence, in a comment of its own line, says what the fence is:

    <!-- file: client.py -->                      the fence is written to this file, in the shell's folder
    <!-- file: a.cpp = examples/x/a.cpp -->       likewise, and it stands exactly like this in that file
    <!-- prints -->                               the commands before print these lines; `...` stands for anything
    <!-- exit: 1 -->                              the commands end with this code instead of 0
    <!-- until: tcp 5555 -->                      after the commands, as a reader would, wait until somebody listens
    <!-- checked: unit | manifest | yaml -->      not run: judged by systemd-analyze, or as Kubernetes manifests
    <!-- source: tests/docs/keys.cpp -->          not run: it stands exactly like this in that file, which is compiled
    <!-- not run: why -->                         neither; says why

A `sh` fence without a comment is run. A fence without a language, or of another without a comment, is refused.

What is different from a reader's machine, and nothing else: `sudo` is left out; what apt would install must be
installed already; the sources are the repository; the prefix is a folder, found through the usual variables;
the build is not repeated unless --full is given (the command comes from --build); ports 5555 and 6000 are ports of its own;
and `g++` is --cxx, without optimising, so that two programs take seconds.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.M | re.S)
COMMENT = re.compile(r"<!-- ([a-z ]+?)(?:: (.*?))? -->\n\Z")
DEADLINE = 240.0


class Wrong(Exception):
    """What the page says is not what happens."""


def fences(text):
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        before = COMMENT.search(text[: found.start()])
        kind, value = (before.group(1), before.group(2) or "") if before else ("", "")
        yield line, found.group(1).strip(), found.group(2), kind, value


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Shell:
    """One bash for the whole page; everything it starts ends with it."""

    def __init__(self, folder, environment):
        self.said = folder / ".said"
        self.out = open(self.said, "wb")
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=folder / "work", env=environment, stdin=subprocess.PIPE,
            stdout=self.out, stderr=subprocess.STDOUT, start_new_session=True)
        # Should this runner be killed, the pipe closes, and the watcher ends what is left.
        self.watcher = subprocess.Popen(
            ["sh", "-c", 'read -r line; kill -s KILL -- "-$1"; rm -rf "$2"', "sh", str(self.process.pid), str(folder)],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.folder = folder
        self.count = 0

    def text(self, since=0):
        return self.said.read_bytes()[since:].decode(errors="replace")

    def run(self, commands, code):
        """Runs a block; the first command that fails ends it, as `set -e` does."""
        self.count += 1
        block, result = self.folder / f".block{self.count}", self.folder / f".result{self.count}"
        block.write_text(commands)
        since = self.said.stat().st_size
        strict = "set -e; " if code == 0 else "set +e; "
        script = f"trap 'echo $? >{result}.new; mv {result}.new {result}' EXIT; {strict}. {block}\n"
        script += f"{{ code=$?; set +e; echo $code; pwd; }} >{result}.new; mv {result}.new {result}; trap - EXIT\n"
        self.process.stdin.write(script.encode())
        self.process.stdin.flush()
        until = time.monotonic() + DEADLINE
        while not result.exists():
            if time.monotonic() > until:
                raise Wrong(f"takes longer than {DEADLINE:.0f} s; so far it said:\n{self.text(since)}")
            time.sleep(0.01)
        lines = result.read_text().split("\n")
        if int(lines[0]) != code:
            raise Wrong(f"ends with {lines[0]} instead of {code}:\n{self.text(since)}")
        return since, pathlib.Path(lines[1]) if len(lines) > 1 and lines[1] else None

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.watcher.kill()
        self.watcher.wait()
        self.out.close()


class Guide:
    def __init__(self, arguments):
        self.given = arguments
        self.root = pathlib.Path(arguments.root).resolve()
        self.ports = {port: str(free_port()) for port in ("5555", "6000")}
        self.played = {"commands": 0, "files": 0, "outputs": 0, "judged": 0}
        self.since = 0

    # --- what is different from a reader's machine ------------------------------------------------------------------

    def installed(self, packages):
        for package in packages:
            query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
            state = subprocess.run(query, capture_output=True, text=True)
            if state.stdout != "installed":
                raise Wrong(f"the page installs {package}, which is not installed here")

    def translated(self, commands):
        lines = []
        # `set -e` overlooks a failure before &&, so that each part becomes a line.
        commands = re.sub(r"^([^'\"(\n]*)$", lambda plain: plain[1].replace(" && ", "\n"), commands, flags=re.M)
        for line in commands.split("\n"):
            line = re.sub(r"^sudo ", "", line)
            if line.startswith("apt install "):
                packages = line[len("apt install "):].split()
                self.installed(packages)
                continue
            if line.startswith("git clone ") or line == "cd ironhouse":
                line = f"cd '{self.root}'" if line == "cd ironhouse" else ""
            if line.startswith("cmake -B build"):
                line = line.replace("cmake -B build", f"cmake -S . -B '{self.folder}/build'")
            if line.startswith("cmake --build build"):
                line = line.replace("build build", f"build '{self.folder}/build'") if self.given.full else ""
            if line == "cmake --install build":
                prefix = f"--prefix '{self.folder}/prefix'"
                line = f"cmake --install '{self.folder}/build' {prefix}"
                if not self.given.full:
                    line += " --component dev"
                    line += f"; cmake --install '{pathlib.Path(self.given.build).resolve()}' {prefix} --component tools"
            if line == "cd ..":
                line = f"cd '{self.folder}/work'"
            lines.append(line)
        return self.ported("\n".join(lines))

    def ported(self, text):
        return re.sub(r"\b(5555|6000)\b", lambda port: self.ports[port[1]], text)

    def environment(self):
        shims = self.folder / "shims"
        shims.mkdir()
        compiler = shims / "g++"
        compiler.write_text(f"#!/bin/sh\nexec {shutil.which(self.given.cxx)} -O0 \"$@\"\n")
        compiler.chmod(0o755)
        prefix = self.folder / "prefix"
        if self.given.command:
            (shims / "ironhouse").symlink_to(pathlib.Path(self.given.command).resolve())
        return {
            "PATH": f"{shims}:{prefix}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.folder / "work"),
            "LC_ALL": "C.UTF-8",
            "CMAKE_PREFIX_PATH": str(prefix),
            "CPLUS_INCLUDE_PATH": f"{prefix}/include",
            "CXX": str(compiler),
            "TMPDIR": str(self.folder),
        }

    # --- the kinds of fences ----------------------------------------------------------------------------------------

    def stands_in(self, body, source):
        path = self.root / source
        if not path.exists():
            raise Wrong(f"is from {source}, which does not exist")
        if body not in path.read_text():
            raise Wrong(f"does not stand like this in {source}")

    def write(self, body, value):
        name, _, source = value.partition(" = ")
        if source:
            self.stands_in(body, source)
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.ported(body))
        self.played["files"] += 1

    def prints(self, body):
        lines = self.ported(body).strip("\n").split("\n")
        anything = r"(?s:.*?)"  # a line of its own stands for any lines, elsewhere for the rest of a word or line
        expected = "\\n".join(anything if l == "..." else re.escape(l).replace(r"\.\.\.", "[^\\n]*") for l in lines)
        until = time.monotonic() + self.given.patience
        while not re.search(rf"^{expected}$", self.shell.text(self.since), re.M):
            if time.monotonic() > until:
                raise Wrong(f"should print:\n{body}\nand printed:\n{self.shell.text(self.since)}")
            time.sleep(0.02)
        self.played["outputs"] += 1

    def listens(self, value):
        port = int(self.ported(value.split()[1]))
        until = time.monotonic() + self.given.patience
        while True:
            with socket.socket() as knock:
                knock.settimeout(1)
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if time.monotonic() > until:
                raise Wrong(f"nobody listens at port {port}:\n{self.shell.text(self.since)}")
            time.sleep(0.05)

    def judge(self, language, body, what):
        self.played["judged"] += 1
        if what == "unit":
            judge_unit(body, self.folder)
        elif what in ("manifest", "yaml"):
            judge_manifests(body)
        else:
            raise Wrong(f"nothing is known of '{what}'")

    def play(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ironhouse-guide-"))
        (self.folder / "work").mkdir()
        self.here = self.folder / "work"
        self.shell = Shell(self.folder, self.environment())
        try:
            for line, language, body, kind, value in fences(pathlib.Path(self.given.page).read_text()):
                try:
                    self.play_one(language, body, kind, value)
                except Wrong as wrong:
                    raise Wrong(f"{self.given.page}:{line}: {wrong}") from None
            links(pathlib.Path(self.given.page))
            references(pathlib.Path(self.given.page), self.root)
            self.played["quotations"] = quotations(pathlib.Path(self.given.page), self.root)
        finally:
            self.shell.close()
            subprocess.run(["chmod", "-R", "u+rwX", self.folder], check=False)
            shutil.rmtree(self.folder, ignore_errors=True)

    def play_one(self, language, body, kind, value):
        if not language:
            raise Wrong("the fence has no language")
        if kind == "file":
            self.write(body, value)
        elif kind == "prints":
            self.prints(body)
        elif kind == "checked":
            self.judge(language, body, value)
        elif kind == "source":
            self.stands_in(body, value)
            self.played["judged"] += 1
        elif kind == "not run" and value:
            pass
        elif language == "sh" and kind in ("", "exit", "until"):
            self.played["commands"] += sum(1 for l in body.split("\n") if l and not l.startswith((" ", "#")))
            self.since, here = self.shell.run(self.translated(body), int(value) if kind == "exit" else 0)
            self.here = here or self.here
            if kind == "until":
                self.listens(value)
        else:
            raise Wrong(f"a fence of {language} that does not say what it is")


def judge_unit(body, folder):
    unit = folder / "orders.service"
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    if "[Service]" not in body:
        body = "[Service]\nExecStart=/usr/bin/orders\n" + body
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", body, flags=re.M))
    sections = re.findall(r"^\[(\w+)\]$", body, re.M)
    for text in body.split("\n"):
        if text and not re.match(r"^(\[\w+\]|[#;].*|[A-Z][A-Za-z]+=.*)$", text):
            raise Wrong(f"is no line of a unit: {text}")
    if "Service" not in sections:
        raise Wrong("has no [Service]")
    if shutil.which("systemd-analyze") is None:
        return
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    wrong = [each for each in (said.stdout + said.stderr).split("\n") if "orders.service" in each]
    if said.returncode != 0 or wrong:
        raise Wrong("systemd-analyze says:\n" + said.stdout + said.stderr)


def judge_manifests(body):
    """What Kubernetes would refuse, or silently do otherwise, and what key_source::mounted() would refuse then."""
    import yaml

    for document in yaml.safe_load_all(body):
        for field in ("apiVersion", "kind", "metadata"):
            if field not in document:
                raise Wrong(f"a manifest without {field}")
        if document["kind"] == "Secret" and "data" not in document and "stringData" not in document:
            raise Wrong("a secret without anything in it")
        spec = document.get("spec", {})
        pod = spec.get("template", {}).get("spec", spec) if document["kind"] in ("Deployment", "StatefulSet") else spec
        if "containers" not in pod:
            continue
        volumes = {each["name"]: each for each in pod.get("volumes", [])}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    raise Wrong(f"{mount['name']} is mounted and is no volume")
                if "subPath" in mount and "secret" in volumes[mount["name"]]:
                    raise Wrong("a secret mounted by subPath is never updated")
            for variable in container.get("env", []):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    raise Wrong("a secret in the environment")
        security = pod.get("securityContext", {})
        for volume in volumes.values():
            if "secret" not in volume:
                continue
            mode = volume["secret"].get("defaultMode")
            if mode is None or mode & 0o037:
                raise Wrong(f"a secret with the mode {mode}, which is refused")
            if security.get("runAsNonRoot") and not (mode & 0o040 and "fsGroup" in security):
                raise Wrong("a secret that the container's user cannot read: it wants 0440 and fsGroup")


def quotations(page, root):
    """What stands in backticks under a heading "... it says" or behind `refuses it:` is in a header, values apart."""
    headers = "".join(each.read_text() for each in sorted((root / "include").rglob("*.hpp")))
    headers = re.sub(r'"\s*\n\s*"', "", headers).replace('\\"', '"')
    count, column = 0, None
    for line in FENCE.sub("", page.read_text()).split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            column = None
            continue
        said = [at for at, cell in enumerate(cells) if cell.endswith("it says")]
        if said:
            column = said[0]
        elif column is not None and column < len(cells):
            for quoted in re.findall(r"`([^`]+)`", cells[column]):
                count += 1
                for part in quoted.split("..."):
                    if part.strip(' ")') and part.strip(" )") not in headers:
                        raise Wrong(f"{page}: no header says '{part}'")
    return count


def references(page, root):
    """The named rows of the gauntlet, ids of the threat model and linked headings exist."""
    text = page.read_text()
    rows = (root / "gauntlet/attacks.cpp").read_text()
    for names in re.findall(r"[Gg]auntlet((?:,?\s`[\w-]+`)+)", text):
        for name in re.findall(r"`([\w-]+)`", names):
            if f'"{name}"' not in rows:
                raise Wrong(f"{page}: the gauntlet has no row {name}")
    threats = (root / "docs/threat-model.md").read_text()
    for name in re.findall(r"\b(?:[TM]\d\.\d|B\d+)\b", FENCE.sub("", text)):
        whole = name.split(".")[0]  # "T2" stands for all of T2.1 and so on
        if not re.search(rf"\b{re.escape(name)}\b", threats) and not re.search(rf"\b{whole}\b(?!\.)", threats):
            raise Wrong(f"{page}: the threat model has no {name}")
    for other, target in re.findall(r"\]\(([^)\s:#]*)#([^)\s]+)\)", text):
        headings = re.findall(r"^#+ (.*)$", FENCE.sub("", (page.parent / other if other else page).read_text()), re.M)
        if target not in [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]:
            raise Wrong(f"{page}: no heading is #{target} in {other or 'it'}")


def links(page):
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("#"):
            continue
        if not (page.parent / target.split("#")[0]).exists():
            raise Wrong(f"{page}: links to {target}, which does not exist")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--build", default=".")
    parser.add_argument("--cxx", default="g++")
    parser.add_argument("--command", help="the command ironhouse, for a page that does not install it")
    parser.add_argument("--patience", type=float, default=30, help="seconds for what a program prints, or to listen")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--unit", help="a unit to judge, instead of a page")
    parser.add_argument("page", nargs="?")
    arguments = parser.parse_args()
    needed = {"python3-zmq": "zmq", "python3-yaml": "yaml"}
    missing = [package for package, module in needed.items() if not find_spec(module)]
    if missing and "CI" not in os.environ:
        print("skipped: not installed (Debian: " + " ".join(missing) + ")")
        return 0
    if arguments.unit:
        with tempfile.TemporaryDirectory() as folder:
            judge_unit(pathlib.Path(arguments.unit).read_text(), pathlib.Path(folder))
        return 0
    guide = Guide(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the shell is ended on the way out
    began = time.monotonic()
    try:
        guide.play()
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    print(", ".join(f"{count} {what}" for what, count in guide.played.items()), f"in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
