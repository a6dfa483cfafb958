# SPDX-License-Identifier: MIT
"""What packages and workflows say about this project: well-formed, of the header's version, and careful."""

import json
import pathlib
import re
import subprocess
import sys

try:
    import yaml
except ImportError:
    yaml = None

root = pathlib.Path(sys.argv[1])
version = sys.argv[2]
wrong = []


def check(holds, sentence):
    if not holds:
        wrong.append(sentence)


def check_vcpkg(path):
    manifest = json.loads(path.read_text())
    known = {"$schema", "name", "version", "description", "license", "supports", "dependencies", "features"}
    check(set(manifest) <= known, f"{path}: unknown fields {set(manifest) - known}")
    check(manifest["name"] == "ironhouse", f"{path}: the name is {manifest['name']}")
    check(manifest["version"] == version, f"{path}: version {manifest['version']}, but the header says {version}")

    name = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
    features = {}

    def walk(where, dependencies):
        for one in dependencies:
            one = {"name": one} if isinstance(one, str) else one
            check(set(one) <= {"name", "features"}, f"{path}: {where} has a dependency with unknown fields: {one}")
            check(name.fullmatch(one["name"]), f"{path}: {where} names {one['name']!r}")
            features.setdefault(one["name"], set()).update(one.get("features", []))

    walk("the manifest", manifest["dependencies"])
    check({"zeromq", "cppzmq", "libsodium"} == set(features), f"{path}: the library needs {set(features)}")
    check("sodium" in features["zeromq"], f"{path}: without its feature sodium, vcpkg's zeromq has no CURVE")
    for feature, content in manifest["features"].items():
        check(name.fullmatch(feature), f"{path}: a feature is called {feature!r}")
        check(set(content) == {"description", "dependencies"}, f"{path}: {feature} has {set(content)}")
        option = re.search(r"-D(\w+)=ON", content["description"])
        declared = (root / "CMakeLists.txt").read_text() + (root / "cmake/IronhouseProgramOptions.cmake").read_text()
        check(option and option[1] in declared, f"{path}: {feature} names no option that exists")
        walk(feature, content["dependencies"])
    check(features.get("ironhouse", set()) <= set(manifest["features"]), f"{path}: needs features that it lacks")


def check_workflow(path):
    text = path.read_text()
    flow = yaml.safe_load(text)
    triggers = flow.get("on", flow.get(True))  # YAML 1.1 reads "on" as true
    check(set(triggers) <= {"push", "pull_request", "schedule"}, f"{path}: runs on {set(triggers)}")
    check(flow.get("permissions") == {"contents": "read"}, f"{path}: may do more than read")
    check("group" in flow.get("concurrency", {}), f"{path}: says nothing about concurrency")
    for name, job in flow["jobs"].items():
        check(1 <= job.get("timeout-minutes", 0) <= 60, f"{path}: {name} may run for ever, or for long")
        check("permissions" not in job, f"{path}: {name} has permissions of its own")
        check("latest" not in job["runs-on"], f"{path}: {name} runs on whatever is newest")
        for step in job["steps"]:
            uses = step.get("uses")
            if uses is not None:
                check(re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", uses), f"{path}: {uses} can be moved by others")
                check(re.search(re.escape(uses) + r" # v[0-9.]+$", text, re.M), f"{path}: {uses}: which version?")
                if "/checkout@" in uses:
                    kept = step.get("with", {}).get("persist-credentials", True)
                    check(kept is False, f"{path}: the checkout leaves its token behind")
            if "run" in step:
                check("${{" not in step["run"], f"{path}: a script is assembled from text of others: {step['run']}")
                read = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True)
                check(read.returncode == 0, f"{path}: no shell script: {step['run']}{read.stderr}")
                for script in re.findall(r"\./[\w./-]+", step["run"]):
                    check((root / script).is_file(), f"{path}: runs {script}, which does not exist")


def check_page(path):
    """The page names exactly the ways that are tested."""
    named = set(re.findall(r"`consumer\.(\w+)`", path.read_text()))
    tested = set(re.findall(r"^#   how=(\w+) ", (root / "tests/consumer/check.cmake").read_text(), re.M)) - {"asked"}
    check(named == tested, f"{path} names {sorted(named)}, but tested are {sorted(tested)}")


check_vcpkg(root / "vcpkg.json")
check_page(root / "docs/packages.md")
if yaml is not None:
    for workflow in [root / ".github/workflows/ci.yml", root / "packaging/github/service.yml"]:
        check_workflow(workflow)
for sentence in wrong:
    print(sentence)
if wrong:
    sys.exit(1)
if yaml is None:
    print("workflows were not looked at: no YAML parser (Debian: python3-yaml)")
    sys.exit(77)
