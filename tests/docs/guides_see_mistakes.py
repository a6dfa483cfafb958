#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run_guide.py accepts a page that is true, and notices when one is not: guides_see_mistakes.py REPOSITORY"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(sys.argv[1])
RUNNER = pathlib.Path(__file__).with_name("run_guide.py")

POD = """<!-- checked: manifest -->
```yaml
apiVersion: v1
kind: Pod
metadata: {name: orders}
spec:
  securityContext: {runAsNonRoot: true, fsGroup: 1}
  containers:
    - name: orders
      volumeMounts: [{name: keys, mountPath: /run/keys}]
  volumes:
    - name: keys
      secret: {secretName: orders, defaultMode: 0440}
```
"""
UNIT = """<!-- checked: unit -->
```ini
[Service]
ExecStart=/usr/bin/orders
LimitCORE=0
```
"""
GOOD = """# A page

```sh
mkdir here && cd here
greeting=hello
```

<!-- file: name.txt -->
```text
world 5555
```

```sh
echo "$greeting $(cat name.txt)"
sleep 1000 &
```

<!-- prints -->
```text
hello world ...
```

<!-- exit: 3 -->
```sh
(exit 3)
```

| rule | it says |
|---|---|
| links | `a symbolic link is not followed here` |

[this](page.md)

""" + POD + UNIT


def play(text, *more):
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.md"
        page.write_text(text)
        return subprocess.run([sys.executable, RUNNER, "--root", ROOT, *more, page], capture_output=True, text=True,
                              env={**os.environ, "TMPDIR": folder})


def notices(old, new, reason, text=GOOD):
    changed = text.replace(old, new, 1)
    if changed == text:
        sys.exit(f"the page has no {old!r} to change")
    ended = play(changed, "--patience", "1")
    said = ended.stdout + ended.stderr
    if ended.returncode == 0 or reason not in said:
        sys.exit(f"{new!r} should be noticed because {reason}; instead ({ended.returncode}): {said}")


def sleepers():
    return subprocess.run(["pgrep", "-fx", "sleep 1000"], capture_output=True, text=True).stdout.split()


before = sleepers()
accepted = play(GOOD)
if "skipped:" in accepted.stdout:
    print(accepted.stdout)
    sys.exit(0)
if accepted.returncode != 0:
    sys.exit("a true page was refused: " + accepted.stdout + accepted.stderr)

notices("mkdir here", "mkdirs here", "ends with 127 instead of 0")
notices("(exit 3)", "(exit 4)", "ends with 4 instead of 3")
notices("hello world ...", "hello you ...", "should print")
notices("```text\nworld", "```\nworld", "has no language")
notices("<!-- file: name.txt -->", "<!-- fill: name.txt -->", "does not say what it is")
notices("name.txt -->", "name.txt = examples/01-hello-curve/client.cpp -->", "does not stand like this in")
notices("mkdir here", "sudo apt install no-such-package\nmkdir here", "which is not installed here")
notices("(exit 3)\n```", "(exit 3)\n```\n\n<!-- until: tcp 5555 -->\n```sh\ntrue\n```", "nobody listens at port")
notices("not followed here", "not followed there", "no header says")
notices("](page.md)", "](pages.md)", "which does not exist")
notices("0440", "0644", "a secret with the mode")
notices("0440", "0400", "wants 0440 and fsGroup")
notices("name: keys, mountPath", "name: key, mountPath", "is no volume")
notices("LimitCORE=0", "LimitCORE 0", "is no line of a unit")
if subprocess.run(["which", "systemd-analyze"], capture_output=True).returncode == 0:
    notices("LimitCORE", "LimitsCORE", "systemd-analyze says")

# A runner that is killed leaves nothing behind either.
with tempfile.TemporaryDirectory() as folder:
    page = pathlib.Path(folder) / "page.md"
    page.write_text("```sh\nsleep 1000 &\ntouch ../started\nsleep 1000\n```\n")
    victim = subprocess.Popen([sys.executable, RUNNER, "--root", ROOT, page], env={**os.environ, "TMPDIR": folder})
    until = time.monotonic() + 20
    while not list(pathlib.Path(folder).glob("*/started")):
        if time.monotonic() > until or victim.poll() is not None:
            sys.exit("the page was not begun")
        time.sleep(0.02)
    victim.kill()
    victim.wait()
    until = time.monotonic() + 10
    while set(sleepers()) - set(before):
        if time.monotonic() > until:
            sys.exit("what a killed runner started outlives it")
        time.sleep(0.05)

until = time.monotonic() + 10
while set(sleepers()) - set(before):
    if time.monotonic() > until:
        sys.exit("what a page starts outlives it")
    time.sleep(0.05)
