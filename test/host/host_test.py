#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""host_test.py NTBOX IOTEST LEAKY REFUSING STAYING CLIENT - ntbox start, stop, status, list, load, unload

Each test has a folder for its host's socket. See README.md.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

DEADLINE = 60  # seconds; reached by a defect only
COMMANDS = ["start", "stop", "status", "list", "load", "unload"]
LISTS = ["drivers", "devices", "links", "handles", "irps", "memory", "clients"]
NOBODY = 65534
STATUS_ACCESS_DENIED = 0xC0000022
LPC_VERSION, LPC_CONTROL, LPC_ANSWER = 1, 10, 11
TESTS = []


class Skip(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def eventually(look, what):
    """Looks until there is something true; returns it."""
    limit = time.monotonic() + DEADLINE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < limit, f"never: {what}"
        time.sleep(0.01)


def is_alive(process):
    """A zombie is dead: nobody may be there to fetch it."""
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text[text.rindex(")") + 2] not in "ZX"


def expect(done, code, output=None, errors=None):
    """output: the whole text; errors: what must be in the text, or "" for none."""
    story = f"{done.args[1:]}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == code, story
    assert output is None or done.stdout == output, story
    if errors == "":
        assert done.stderr == "", story
    elif errors is not None:
        assert errors in done.stderr, story
    return done


class Box:
    """ntbox, with a place for a host."""

    def __init__(self, ntbox, iotest, leaky, refusing, staying, client):
        self.ntbox, self.client_program = ntbox, client
        self.iotest, self.leaky = iotest, leaky
        self.refusing, self.staying = refusing, staying
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ntbox-host-test-", dir="/tmp"))
        self.socket = self.folder / "ntbox/host"
        self.clients = []

    def environment(self, **variables):
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder))
        for name in ("NTBOX_HOST", "NTBOX_DRIVERS", "NTBOX_SETTINGS"):
            environment.pop(name, None)
        environment.update(variables)
        return environment

    def run(self, *arguments, **variables):
        return subprocess.run([self.ntbox, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment(**variables),
                              stdin=subprocess.DEVNULL, universal_newlines=True, timeout=DEADLINE * 2,
                              check=False)

    def start(self, *arguments):
        return expect(self.run("start", "--no-events", *arguments), 0, errors="")

    def stop(self):
        return expect(self.run("stop"), 0, output="", errors="")

    def status(self):
        return json.loads(expect(self.run("status", "--json"), 0, errors="").stdout)

    def list(self, kind):
        done = expect(self.run("list", kind, "--json"), 0, errors="")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def client(self, pended=0, program=None):
        """A client that has its requests pended."""
        process = subprocess.Popen([program or self.client_program, str(pended)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment(),
                                   universal_newlines=True)
        self.clients.append(process)
        line = process.stdout.readline()
        assert line == "ready\n", (line, process.stderr.read())
        return process

    @staticmethod
    def end(client):
        _, errors = client.communicate("", timeout=DEADLINE)
        assert client.returncode == 0, (client.returncode, errors)
        assert errors == "", errors

    def check_logs(self):
        """A sanitizer's report does not change the exit code of a host."""
        for log in self.folder.glob("*/host.log*"):
            text = log.read_text(errors="replace")
            for sign in ("Sanitizer", "runtime error", "BUGCHECK", "*** STOP"):
                assert sign not in text, text

    def close(self):
        for client in self.clients:
            if client.poll() is None:
                client.kill()
            client.communicate()
        self.run("stop")
        shutil.rmtree(self.folder)


# ---- usage ----


@test
def help_goes_to_standard_output(box):
    for command in COMMANDS:
        done = expect(box.run(command, "--help"), 0, errors="")
        assert done.stdout.startswith(f"Usage: ntbox {command}"), done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 100


@test
def wrong_usage_is_2_and_names_the_help(box):
    rows = [
        (["start", "--sokcet", "x"], "no option '--sokcet'"),
        (["start", "--socket"], "--socket needs a value"),
        (["start", "--socket", "/tmp/"], "say a file's name"),
        (["start", "--socket", "/tmp/" + "x" * 200], "at most 107 bytes"),
        (["start", "--set", "novalue"], "SERVICE\\VALUE"),
        (["start", "--processors", "0"], "not a number"),
        (["stop", "now"], "one word too many"),
        (["stop", "--json"], "no option"),
        (["status", "host"], "one word too many"),
        (["list", "things"], "say drivers, devices"),
        (["list", "drivers", "devices"], "one word too many"),
        (["load"], "no driver"),
        (["load", "--set", "x", "y.so"], "SERVICE\\VALUE"),
        (["unload"], "no driver's name"),
        (["run", "--host", box.iotest, "x.so", "--", "x"], "takes no drivers"),
        (["run", "--host", "iotest", "--", "x"], "takes no drivers"),
        (["run", "--host", "--events", "off", "--", "x"], "go to 'ntbox start'"),
    ]
    for arguments, message in rows:
        expect(box.run(*arguments), 2, output="", errors=message)
    assert not box.socket.parent.exists()


@test
def without_a_host_it_is_3_and_says_how_to_start_one(box):
    rows = [["status"], ["list"], ["load", box.iotest], ["unload", "iotest"],
            ["run", "--host", "--", box.client_program]]
    for arguments in rows:
        expect(box.run(*arguments, "--socket", box.socket) if arguments[0] != "run"
               else box.run("run", f"--host={box.socket}", "--", box.client_program),
               3, output="", errors="start one with 'ntbox start'")
    expect(box.run("stop", "--socket", box.socket), 3, output="", errors="no host runs")


@test
def what_is_no_driver_is_3(box):
    expect(box.run("start", "nosuch.so"), 3, output="", errors="no such file")
    expect(box.run("load", "nosuch.so"), 3, output="", errors="no such file")


# ---- start and stop ----


@test
def a_host_is_started_asked_and_stopped(box):
    done = box.start(box.iotest)
    status = box.status()
    assert done.stdout == f"host {status['pid']} runs at {box.socket}\n", done.stdout
    assert status["socket"] == str(box.socket)
    assert status["uid"] == os.getuid() and status["system"] is False
    assert status["drivers"] == 1 and status["devices"] >= 4 and status["clients"] == 0
    assert status["pool_bytes"] > 0 and status["findings"] == 0
    text = expect(box.run("status"), 0, errors="").stdout
    assert f"host      {status['pid']}, of " in text and str(box.socket) in text, text
    box.stop()
    assert not is_alive(status["pid"])
    assert not box.socket.exists()
    expect(box.run("status", "--socket", box.socket), 3)


@test
def the_folder_and_the_log_are_the_users_own(box):
    box.start()
    assert stat.S_IMODE(box.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(box.socket.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((box.socket.parent / "host.log").stat().st_mode) == 0o600


@test
def the_host_is_detached(box):
    box.start()
    pid = box.status()["pid"]
    assert os.getsid(pid) != os.getsid(0)
    for number in range(3):
        assert not os.readlink(f"/proc/{pid}/fd/{number}").startswith(("/dev/pts", "pipe:"))
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


@test
def a_second_start_is_5(box):
    box.start()
    pid = box.status()["pid"]
    expect(box.run("start", "--no-events"), 5, output="", errors=f"host {pid} runs at")
    assert box.status()["pid"] == pid


@test
def of_two_starts_at_once_one_is_5(box):
    starts = [subprocess.Popen([box.ntbox, "start", "--no-events", box.iotest],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=box.environment(), universal_newlines=True) for _ in range(4)]
    for start in starts:
        start.communicate(timeout=DEADLINE)
    assert sorted(start.returncode for start in starts) == [0, 5, 5, 5]
    assert box.status()["drivers"] == 1


@test
def a_socket_that_is_left_does_not_matter(box):
    box.start(box.iotest)
    pid = box.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), "the host is dead")
    assert box.socket.exists()
    expect(box.run("status", "--socket", box.socket), 3, errors="no host runs")
    box.start(box.iotest)
    assert box.status()["pid"] != pid


@test
def a_driver_that_fails_is_3_and_shows_why(box):
    done = box.run("start", "--no-events", box.iotest, box.refusing)
    expect(done, 3, output="", errors="refusing: no such hardware")
    assert "DriverEntry failed with 0xC00000A3" in done.stderr, done.stderr
    assert "host.log" in done.stderr, done.stderr
    assert not box.socket.exists()
    box.start(box.iotest)  # nothing of the failed one is in the way


@test
def settings_reach_the_driver(box):
    expect(box.run("start", "--no-events", box.staying), 3)
    box.start("--set", "staying\\Depth=dword:7", box.staying)
    assert "staying: depth 7" in (box.socket.parent / "host.log").read_text()


@test
def folders_of_others_are_not_trusted(box):
    folder = box.folder / "place"
    folder.mkdir()
    folder.chmod(0o777)
    start = ["start", "--no-events", "--socket", folder / "host"]
    expect(box.run(*start), 3, output="", errors="others may write in the folder")
    folder.chmod(0o700)
    (box.folder / "link").symlink_to(folder)
    expect(box.run("start", "--no-events", "--socket", box.folder / "link/host"), 3, output="",
           errors="is not a folder")
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        expect(box.run(*start), 3, output="", errors="belongs to nobody")
        os.chown(folder, 0, 0)
    expect(box.run(*start), 0, errors="")
    expect(box.run("stop", "--socket", folder / "host"), 0)


@test
def what_drivers_leave_behind_makes_stop_4(box):
    box.start(box.leaky, box.iotest)
    tag, = [row for row in box.list("memory") if row["tag"] == "Leak"]
    assert tag["blocks"] == 1 and tag["bytes"] == 100, tag
    expect(box.run("unload", "leaky"), 0, output="", errors="leaky left 100 bytes of pool")
    assert box.status()["findings"] == 1
    assert "findings  1 thing was left behind" in box.run("status").stdout
    expect(box.run("stop"), 4, output="", errors="host.log")
    assert not box.socket.exists()


@test
def clients_do_not_survive_stop(box):
    box.start(box.iotest)
    client = box.client(3)
    box.stop()
    client.communicate("", timeout=DEADLINE)
    assert "left" not in (box.socket.parent / "host.log").read_text()


# ---- restart ----


@test
def a_host_that_was_killed_comes_back_with_its_drivers(box):
    box.start("--restart", box.iotest)
    pid = box.status()["pid"]
    for fatal in (signal.SIGKILL, signal.SIGABRT):
        os.kill(pid, fatal)

        def another(old=pid):
            done = box.run("status", "--json", "--socket", box.socket)
            new = json.loads(done.stdout)["pid"] if done.returncode == 0 else old
            return new if new != old else None

        pid = eventually(another, "another host")
        assert [driver["name"] for driver in box.list("drivers")] == ["iotest"]
    assert "ended by signal 9" in (box.socket.parent / "host.log").read_text()
    box.end(box.client(2))


@test
def stop_ends_the_restarting_too(box):
    box.start("--restart", box.iotest)
    pid = box.status()["pid"]
    parent = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert is_alive(parent)
    box.stop()
    assert not is_alive(pid) and not is_alive(parent)
    box.start(box.iotest)


@test
def what_cannot_be_restarted_is_tried_until_stop(box):
    driver = box.folder / "iotest.so"
    shutil.copy(box.iotest, driver)
    box.start("--restart", driver)
    pid = box.status()["pid"]
    driver.unlink()
    os.kill(pid, signal.SIGKILL)
    log = box.socket.parent / "host.log"
    eventually(lambda: "the host ended with exit code 3" in log.read_text(), "a failed restart")

    def waits():
        done = box.run("status", "--socket", box.socket)
        return done.returncode == 3 and "is being started" in done.stderr

    eventually(waits, "the supervisor is alone")
    expect(box.run("start", "--no-events"), 5, errors="is being started")
    expect(box.run("stop"), 0, output="")
    expect(box.run("status", "--socket", box.socket), 3, errors="start one with")


@test
def a_first_start_that_fails_is_not_repeated(box):
    expect(box.run("start", "--no-events", "--restart", box.refusing), 3, output="",
           errors="DriverEntry failed")
    expect(box.run("status", "--socket", box.socket), 3, errors="start one with")


@test
def a_second_restarting_start_is_5(box):
    box.start("--restart")
    expect(box.run("start", "--no-events", "--restart"), 5, output="")


# ---- what there is ----


@test
def a_client_is_seen_in_every_list(box):
    box.start(box.iotest)
    client = box.client(3)
    pid = client.pid
    name = pathlib.Path(box.client_program).name

    mine, = box.list("clients")
    assert mine["pid"] == pid and mine["uid"] == os.getuid() and mine["state"] == "running", mine
    assert mine["program"] == str(pathlib.Path(box.client_program).resolve()), mine
    assert mine["irps"] == 3 and mine["threads"] == 1 and mine["handles"] >= 2, mine
    assert mine["user"], mine

    irps = [irp for irp in box.list("irps") if irp["pid"] == pid]
    assert len(irps) == 3, irps
    for irp in irps:
        assert irp["device"] == "\\Device\\NtboxIoTest" and irp["driver"] == "iotest", irp
        assert irp["function"] == "DEVICE_CONTROL" and irp["code"] == "0x00222018", irp
        assert irp["state"] == "pended" and irp["cancelled"] is False, irp
        assert irp["tid"] == pid and irp["program"] == name[:15], irp
    first = irps[0]["age_ms"]
    eventually(lambda: all(irp["age_ms"] > first for irp in box.list("irps")), "older requests")

    handles = [handle for handle in box.list("handles") if handle["pid"] == pid]
    assert len(handles) == mine["handles"], (handles, mine)
    device, = [handle for handle in handles if handle["type"] == "File"]
    assert device["name"] == "\\Device\\NtboxIoTest", device
    assert int(device["access"], 16) & 0x3 == 0x3, device
    event, = [handle for handle in handles if handle["type"] == "Event"]
    assert event["name"].endswith("HostClient"), event
    assert len({handle["handle"] for handle in handles}) == len(handles)

    devices = {row["name"]: row for row in box.list("devices")}
    assert devices["\\Device\\NtboxIoTest"]["opens"] == 1
    assert devices["\\Device\\NtboxIoTest"]["flags"] == "buffered"
    assert devices["\\Device\\NtboxIoTestExclusive"]["flags"] == "buffered,exclusive"
    assert devices["\\Device\\NtboxIoTestDirect"]["driver"] == "iotest"
    links = {row["name"]: row["target"] for row in box.list("links")}
    assert links["\\GLOBAL??\\NtboxIoTest"] == "\\Device\\NtboxIoTest"
    driver, = box.list("drivers")
    assert driver["irps"] == 3 and driver["devices"] == 4 and driver["unloads"] is True, driver
    assert driver["path"] == str(pathlib.Path(box.iotest).resolve()), driver
    tags = {row["tag"]: row for row in box.list("memory")}
    assert tags["Irp "]["blocks"] >= 3 and tags["Irp "]["bytes"] > 3 * 208
    assert all(row["blocks"] == row["allocations"] - row["frees"] for row in tags.values())

    box.end(client)
    assert box.list("clients") == [] and box.list("irps") == []
    assert [handle for handle in box.list("handles") if handle["pid"] == pid] == []
    status = box.status()
    assert status["clients"] == 0 and status["irps"] == 0, status
    box.stop()


@test
def a_client_that_is_killed_leaves_the_lists(box):
    box.start(box.iotest)
    client = box.client(3)
    assert box.status()["irps"] == 3
    client.kill()
    eventually(lambda: box.list("clients") == [], "no client")
    assert box.list("irps") == []
    box.stop()


@test
def many_lists_while_clients_come_and_go(box):
    box.start(box.iotest)
    with contextlib.ExitStack() as stack:
        listers = [subprocess.Popen(
            ["/bin/sh", "-c", f'for i in 1 2 3 4 5 6 7 8 9 10; do "$0" list {kind} --json || exit 1;'
             ' done', box.ntbox], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=box.environment(), universal_newlines=True) for kind in LISTS]
        for lister in listers:
            stack.callback(lister.kill)
        for _ in range(4):
            clients = [box.client(4) for _ in range(3)]
            for client in clients[1:]:
                box.end(client)
            clients[0].kill()
        for lister in listers:
            output, errors = lister.communicate(timeout=DEADLINE * 2)
            assert lister.returncode == 0 and errors == "", errors
            for line in output.splitlines():
                json.loads(line)
    eventually(lambda: box.status()["clients"] == 0, "no client")
    box.stop()


@test
def long_lists_come_whole(box):
    box.start(box.iotest)
    clients = [box.client(16) for _ in range(24)]
    assert len(box.list("irps")) == 24 * 16
    assert len({row["pid"] for row in box.list("handles")} - {4}) == 24
    for client in clients:
        box.end(client)
    box.stop()


@test
def lists_for_people_are_aligned(box):
    box.start(box.iotest)
    client = box.client(1)
    for kind in LISTS:
        lines = expect(box.run("list", kind), 0, errors="").stdout.splitlines()
        assert len(lines) >= 2, lines
        assert "\033" not in lines[0] and ":" not in lines[0], lines[0]
    head, *rows = expect(box.run("list", "devices"), 0).stdout.splitlines()
    column = head.index("driver")
    assert all(row[column - 1] == " " and row[column] != " " for row in rows), rows
    assert expect(box.run("list"), 0).stdout.startswith("name"), "drivers are the default"
    box.end(client)


# ---- load and unload ----


@test
def drivers_come_and_go(box):
    box.start()
    assert box.list("drivers") == []
    expect(box.run("load", box.iotest), 0, output="", errors="")
    assert [driver["name"] for driver in box.list("drivers")] == ["iotest"]
    expect(box.run("load", box.iotest), 1, output="", errors="is loaded already")
    client = box.client(1)
    expect(box.run("unload", "iotest"), 1, output="", errors="'ntbox list handles' shows whose")
    box.end(client)
    expect(box.run("unload", "IOTEST"), 0, output="", errors="")
    assert box.list("drivers") == []
    expect(box.run("unload", "iotest"), 1, output="", errors="there is none of that name")
    box.stop()


@test
def a_load_that_fails_tells_what_the_driver_said(box):
    box.start()
    done = expect(box.run("load", box.refusing), 1, output="", errors="refusing: no such hardware")
    assert "status 0xC00000A3" in done.stderr, done.stderr
    assert box.list("drivers") == []
    done = expect(box.run("load", __file__), 1, output="", errors="no driver for this machine")
    expect(box.run("load", "--set", "staying\\Depth=dword:x", box.staying), 1,
           errors="a setting is not of the form")
    expect(box.run("load", "--set", "staying\\Depth=dword:5", box.staying), 0, output="",
           errors="staying: depth 5")
    expect(box.run("unload", "staying"), 1, errors="it has no DriverUnload")


# ---- run ----


@test
def run_uses_the_host_when_it_is_told_to(box):
    box.start(box.iotest)
    for option in ([], [str(box.socket)]):
        expect(box.run("run", "--host", *option, "--", box.client_program), 0, output="ready\n",
               errors="")
    expect(box.run("run", f"--host={box.socket}", "--", box.client_program), 0, output="ready\n")
    # Without it the kernel is the client's own, which has no such device.
    expect(box.run("run", "--events", "off", "--", box.client_program), 9, errors="no device")
    expect(box.run("run", "--events", "off", box.iotest, "--", box.client_program), 0)
    box.stop()


# ---- who may ----


def ask_as(user, path, command):
    """The status that a host answers another user with; or the name of an error of the socket's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            end.settimeout(DEADLINE)
            end.connect(str(path))
            end.send(struct.pack("=IIiI", LPC_VERSION, LPC_CONTROL, 0, 0) + command)
            answer = end.recv(8192)
            text = f"{struct.unpack('=IIII', answer[:16])[2]:08X} {len(answer) - 16}"
        except OSError as error:
            text = type(error).__name__
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


@test
def other_users_do_not_command(box):
    if os.getuid() != 0:
        raise Skip("needs root")
    box.folder.chmod(0o755)
    box.start(box.iotest)
    box.socket.parent.chmod(0o755)
    assert ask_as(NOBODY, box.socket, b"status") == "PermissionError"
    box.stop()
    # One for every user lets them connect, and be clients.
    box.start("--system", "--socket", box.socket, box.iotest)
    for command in (b"status", b"stop", b"list\x1fhandles", b"unload\x1fiotest"):
        assert ask_as(NOBODY, box.socket, command) == f"{STATUS_ACCESS_DENIED:08X} 0", command
    assert ask_as(0, box.socket, b"status").split()[1] != "0"
    assert box.status()["system"] is True
    assert [driver["name"] for driver in box.list("drivers")] == ["iotest"]


@test
def what_is_no_command_is_refused(box):
    box.start()
    for command in (b"", b"things", b"list", b"list\x1fthings", b"status\x1fx", b"load", b"unload",
                    b"list\x1f" * 200, b"x" * 4096):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.settimeout(DEADLINE)
        end.connect(str(box.socket))
        end.send(struct.pack("=IIiI", LPC_VERSION, LPC_CONTROL, 0, 0) + command)
        answer = end.recv(8192)
        if command:
            _, code, status, _ = struct.unpack("=IIiI", answer)
            assert code == LPC_ANSWER and status < 0, (command, status)
        end.close()
    assert box.status()["drivers"] == 0


@test
def one_who_does_not_read_holds_nobody_up(box):
    box.start(box.iotest)
    clients = [box.client(16) for _ in range(16)]
    ends = []
    for _ in range(8):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.connect(str(box.socket))
        end.send(struct.pack("=IIiI", LPC_VERSION, LPC_CONTROL, 0, 0) + b"list\x1firps")
        ends.append(end)
    assert box.status()["clients"] == 16
    for end in ends:
        end.close()
    for client in clients:
        box.end(client)
    box.stop()


def main(arguments):
    names = [name for name in arguments[6:]]
    tests = [one for one in TESTS if not names or one.__name__ in names]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, one in enumerate(tests, 1):
        title = one.__name__.replace("_", " ")
        box = Box(*arguments[:6])
        try:
            one(box)
            box.check_logs()
            print(f"ok {number} - {title}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {title} # SKIP {reason}", flush=True)
        except Exception as error:  # the others are run all the same
            failed += 1
            log = box.socket.parent / "host.log"
            for line in f"{type(error).__name__}: {error}".splitlines():
                print("#", line)
            if log.exists():
                for line in log.read_text(errors="replace").splitlines()[-60:]:
                    print("# log:", line)
            print(f"not ok {number} - {title}", flush=True)
        finally:
            box.close()
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
