#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is installed works by itself, wherever it lies: install_test.py BUILD SAMPLES; prints TAP."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 120


def run(*command, **keywords):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=TIMEOUT, **keywords)


def install(build, folder):
    """`meson install` below folder, then moved: nothing may remember the first place."""
    done = run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir",
               folder / "first")
    assert done.returncode == 0, done.stdout + done.stderr
    prefix = next(path.parent.parent for path in (folder / "first").rglob("bin/ntbox"))
    shutil.move(str(prefix), folder / "second")
    shutil.rmtree(folder / "first")
    return folder / "second"


def driver_and_program_compile_and_run(prefix, samples, folder):
    ntbox = prefix / "bin/ntbox"
    for side, source, output in (("--driver", "scratch_driver.c", "d.so"),
                                 ("--client", "scratch_client.c", "c")):
        done = run(ntbox, "cc", side, "-o", folder / output, samples / source)
        assert done.returncode == 0, done.stderr
    done = run(ntbox, "run", "--strict", "--events", "off", folder / "d.so", "--", folder / "c",
               "argument")
    assert done.returncode == 0 and "sum 781" in done.stdout, done.stdout + done.stderr


def monitor_starts(prefix, samples, folder):
    done = run(prefix / "bin/ntbox", "monitor", "--json", "--", "/bin/true")
    assert done.returncode == 0 and '"create"' in done.stdout, done.stdout + done.stderr


def valgrind_finds_the_drivers_bad_access_only(prefix, samples, folder):
    if shutil.which("valgrind") is None:
        return "no valgrind here"
    done = run(prefix / "bin/ntbox", "run", "--valgrind", "--events", "off", folder / "d.so", "--",
               folder / "c", "argument")
    assert done.returncode == 99 and "ERROR SUMMARY: 1 errors" in done.stderr, done.stderr
    assert "ScratchSum" in done.stderr, done.stderr
    return None


def pages_are_there(prefix, samples, folder):
    pages = {page.name for page in (prefix / "share/man/man1").iterdir()}
    assert {"ntbox.1", "ntbox-run.1", "ntbox-cc.1", "ntbox-build.1", "ntbox-monitor.1"} <= pages


def main(build, samples):
    tests = (driver_and_program_compile_and_run, monitor_starts,
             valgrind_finds_the_drivers_bad_access_only, pages_are_there)
    failed = 0
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prefix = install(build, folder)
        for number, test in enumerate(tests, 1):
            try:
                skip = test(prefix, pathlib.Path(samples), folder)
                print(f"ok {number} - {test.__name__}" + (f" # SKIP {skip}" if skip else ""))
            except (AssertionError, subprocess.SubprocessError, OSError) as error:
                failed = 1
                print("\n".join("# " + line for line in str(error).splitlines()))
                print(f"not ok {number} - {test.__name__}")
    return failed


sys.exit(main(*sys.argv[1:]))
