#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_test.py NTBOX SAMPLES FLAGS - the ntbox command: usage, messages, exit codes, cc, run

Compiles the programs of samples/ as a user would and runs them. FLAGS are compiler arguments that
the build of ntbox itself was made with (sanitizers), separated by spaces.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Box:
    """One ntbox and a folder to build in."""

    def __init__(self, ntbox, samples, flags, folder):
        self.ntbox = ntbox
        self.samples = pathlib.Path(samples)
        self.flags = flags.split()
        self.folder = pathlib.Path(folder)

    def run(self, *arguments, **variables):
        environment = dict(os.environ, **variables)
        return subprocess.run([self.ntbox, *map(str, arguments)], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=120, check=False)

    def build(self, side, name, source):
        output = self.folder / name
        if not output.exists():
            done = self.run("cc", side, "-g", *self.flags, "-o", output, self.samples / source)
            assert done.returncode == 0, done.stderr
        return output

    def driver(self, name):
        source = f"{name}_driver.c"
        if not (self.samples / source).exists():
            source += "pp"
        return self.build("--driver", f"{name}.so", source)

    def client(self, name):
        source = f"{name}_client.c"
        if not (self.samples / source).exists():
            source += "pp"
        return self.build("--client", f"{name}_client", source)


def expect(done, code, output=None, errors=None):
    """output: the whole text; errors: what must be in the text, or "" for none."""
    story = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == code, story
    assert output is None or done.stdout == output, story
    if errors == "":
        assert done.stderr == "", story
    elif errors is not None:
        assert errors in done.stderr, story


# ---- usage ----


@test
def help_goes_to_standard_output(box):
    for command in ([], ["run"], ["monitor"], ["build"], ["cc"], ["exports"]):
        done = box.run(*command, "--help")
        expect(done, 0, errors="")
        assert done.stdout.startswith("Usage: ntbox"), done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 100


@test
def version_is_told(box):
    done = box.run("--version")
    expect(done, 0, errors="")
    assert done.stdout.startswith("ntbox "), done.stdout


@test
def wrong_usage_is_2_and_names_the_help(box):
    rows = [
        ([], "Usage"),
        (["rnu"], "no command 'rnu'"),
        (["run"], "no '--'"),
        (["run", "x.so"], "no '--'"),
        (["run", "--"], "no client"),
        (["run", "--evnts", "off", "--", "x"], "no option '--evnts'"),
        (["run", "--set", "--", "x"], "--set"),
        (["run", "--set", "novalue", "--", "x"], "SERVICE\\VALUE"),
        (["run", "--events", "many", "--", "x"], "auto, bpf"),
        (["run", "--tree", "0", "--", "x"], "not a process id"),
        (["run", "--processors", "2x", "--", "x"], "not a number"),
        (["run", "--follow", "'a", "--", "x"], "quote"),
        (["monitor", "sleep", "1"], "put '--' before a command"),
        (["monitor", "--"], "no command"),
        (["monitor", "--events", "many"], "say auto"),
        (["cc", "x.c"], "--driver or --client"),
        (["cc", "--driver"], "nothing to compile"),
        (["exports", "--xml"], "no option"),
    ]
    for arguments, message in rows:
        done = box.run(*arguments)
        expect(done, 2, output="", errors=message)
        assert "--help" in done.stderr, done.stderr


# ---- cc ----


@test
def print_shows_a_command_for_each_side(box):
    driver = box.run("cc", "--driver", "--print", "-o", "a b.so", "x.c", CC="clang -m64")
    expect(driver, 0, errors="")
    assert driver.stdout.startswith("clang -m64 -D"), driver.stdout
    assert "-fshort-wchar" in driver.stdout and "-fPIC" in driver.stdout
    assert "-o 'a b.so' x.c -shared" in driver.stdout and "libntoskrnl.so" in driver.stdout
    client = box.run("cc", "--client", "--print", "x.c")
    assert "libntbox.so" in client.stdout and "-shared" not in client.stdout
    compiled = box.run("cc", "--client", "--print", "-c", "x.c")
    assert "libntbox.so" not in compiled.stdout
    cxx = box.run("cc", "--driver", "--print", "-c", "x.cpp", CXX="my++")
    assert cxx.stdout.startswith("my++ "), cxx.stdout
    assert "implicit-function-declaration" not in cxx.stdout


@test
def sources_with_try_are_not_optimised(box):
    source = box.samples / "scratch_driver.c"
    assert " -O0 " in box.run("cc", "--driver", "--print", source).stdout
    assert " -O0 " not in box.run("cc", "--driver", "--print", "-O1", source).stdout
    other = box.samples / "leaky_driver.c"
    assert " -O0 " not in box.run("cc", "--driver", "--print", other).stdout


@test
def includes_are_read_as_on_windows(box):
    project = box.folder / "Project"
    (project / "Shared").mkdir(parents=True)
    (project / "app").mkdir()
    (project / "Shared" / "Codes.h").write_text('#include "More\\\\Inner.h"\n#define CODES 1\n'
                                                .replace("\\\\", "\\"))
    (project / "Shared" / "more").mkdir()
    (project / "Shared" / "more" / "inner.h").write_text("#define INNER 2\n")
    source = project / "app" / "main.c"
    source.write_text('#include <WiNdOwS.h>\n'
                      '#include <shared\\codes.H>\n'
                      '#include "..\\Shared\\MORE\\Inner.h"\n'
                      "int main(void) { return CODES + INNER - 3; }\n")
    program = box.folder / "includes"
    arguments = ["cc", "--client", *box.flags, "-I", project, "-o", program, source]
    done = box.run(*arguments, XDG_CACHE_HOME=str(box.folder / "cache"))
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], check=False).returncode == 0
    made = sorted(path.name for path in (box.folder / "cache").rglob("*") if path.is_file())
    assert made == ["..\\Shared\\MORE\\Inner.h", "More\\Inner.h", "WiNdOwS.h",
                    "shared\\codes.H"], made
    done = box.run(*arguments, XDG_CACHE_HOME="/proc/nowhere")
    assert done.returncode != 0 and "set XDG_CACHE_HOME" in done.stderr, done.stderr
    source.write_text("#include <windows.h>\nint main(void) { return 0; }\n")
    assert "-idirafter" not in box.run("cc", "--client", "--print", source).stdout


@test
def undefined_behaviour_checks_leave_the_headers_alone(box):
    driver = box.run("cc", "--driver", "--print", "-fsanitize=address,undefined", "x.c").stdout
    assert driver.index("-fsanitize=address,undefined") < driver.index("-fno-sanitize="), driver
    assert "-fno-sanitize" not in box.run("cc", "--driver", "--print", "-fsanitize=address",
                                          "x.c").stdout


@test
def unknown_functions_are_link_errors(box):
    source = box.folder / "unknown.c"
    source.write_text("#include <ntddk.h>\nVOID KeNoSuchFunction(VOID);\n"
                      "NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT d, PUNICODE_STRING p)\n"
                      "{ KeNoSuchFunction(); return 0; }\n")
    done = box.run("cc", "--driver", "-o", box.folder / "unknown.so", source)
    assert done.returncode != 0 and "KeNoSuchFunction" in done.stderr, done.stderr


@test
def trace_headers_are_made(box):
    folder = box.folder / "traced"
    (folder / "inc").mkdir(parents=True)
    (folder / "driver.vcxproj").write_text(
        '<Project xmlns="http://schemas.microsoft.com/developer/msbuild/2003"><ItemGroup>'
        '<ProjectConfiguration Include="Debug|x64"/></ItemGroup><ItemGroup>'
        '<ClCompile Include="main.c"><WppEnabled>true</WppEnabled>'
        "<WppTraceFunction>TraceOne(LEVEL,MSG,...)</WppTraceFunction></ClCompile>"
        "</ItemGroup></Project>")
    (folder / "inc" / "trace.h").write_text(
        "// begin_wpp config\n// FUNC TraceTwo{F=1}(MSG, ...);\n// end_wpp\n"
        "#define WPP_CONTROL_GUIDS WPP_DEFINE_CONTROL_GUID(C,(1,2,3,4,5), "
        "WPP_DEFINE_BIT(FLAG_A))\n")
    (folder / "main.c").write_text(
        '#include <ntddk.h>\n#include <trace.h>\n#include "main.tmh"\n'
        "NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT d, PUNICODE_STRING p)\n"
        '{ long used = 1; WPP_INIT_TRACING(d, p); TraceOne(X, "%d", used); TraceTwo("x"); '
        'DoTraceMessage(FLAG_A, "y"); return WPP_BIT_FLAG_A + used - 1; }\n')
    done = box.run("cc", "--driver", *box.flags, "-Wall", "-Werror", "-I", folder / "inc", "-c",
                   "-o", folder / "main.o", folder / "main.c",
                   XDG_CACHE_HOME=str(box.folder / "cache"))
    expect(done, 0, "", "")
    made = [path for path in (box.folder / "cache" / "ntbox" / "trace").rglob("*.tmh")]
    assert [path.name for path in made] == ["main.tmh"], made
    # One that is there is taken, and nothing is made.
    (folder / "inc" / "MAIN.TMH").write_text("#define WPP_INIT_TRACING(a, b) no\n")
    done = box.run("cc", "--driver", "-I", folder / "inc", "-c", "-o", folder / "main.o",
                   folder / "main.c")
    assert done.returncode == 1 and "in expansion of macro" in done.stderr, done.stderr


@test
def dependencies_name_the_sources_themselves(box):
    folder = box.folder / "depend"
    (folder / "a b").mkdir(parents=True)
    (folder / "a b" / "in$.h").write_text("long inner;\n")
    (folder / "plain.h").write_text("int plain;\n")
    (folder / "one.c").write_text('#include "a b/in$.h"\n#include "plain.h"\nlong one;\n')
    (folder / "two.c").write_text('#include "plain.h"\n')

    def names(text):
        assert ".cache" not in text and "adapted" not in text, text
        return text.replace("\\\n", " ").split(":", 1)

    def compile_it(*arguments, sources=("one.c",)):
        return subprocess.run([box.ntbox, "cc", "--driver", *arguments, *sources], cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=120, check=False)

    wanted = ["one.c", "a\\ b/in$$.h", "plain.h"]
    rows = [
        (["-c", "-MD", "-o", "x.o"], "x.d", "x.o"),
        (["-c", "-MD"], "one.d", "one.o"),
        (["-c", "-MMD", "-MF", "some.d", "-o", "x.o"], "some.d", "x.o"),
        (["-c", "-MD", "-MFjoined.d", "-MT", "target"], "joined.d", "target"),
        (["-MM", "-o", "only.d"], "only.d", "one.o"),
    ]
    for arguments, file, target in rows:
        expect(compile_it(*arguments), 0, "", "")
        made, rest = names((folder / file).read_text())
        assert made == target, made
        for name in wanted:
            assert name in rest, (arguments, rest)
        assert rest.index("one.c") < rest.index("plain.h"), rest
        (folder / file).unlink()
    done = compile_it("-MM")
    assert done.returncode == 0 and not done.stderr, done.stderr
    made, rest = names(done.stdout)
    assert made == "one.o" and all(name in rest for name in wanted), done.stdout
    expect(compile_it("-c", "-MD", sources=("one.c", "two.c")), 0, "", "")
    assert "one.c" in names((folder / "one.d").read_text())[1]
    assert "two.c" in names((folder / "two.d").read_text())[1]
    (folder / "one.c").write_text("long one = ;\n")
    done = compile_it("-c", "-MD")
    assert done.returncode == 1 and "one.c:1:11: error" in done.stderr, done.stderr
    done = box.run("cc", "--driver", "-c", "-MD", folder / "one.c", CC="no-such-compiler")
    expect(done, 127, errors="set CC")


@test
def compiler_that_is_not_there_is_127(box):
    expect(box.run("cc", "--client", "x.c", CC="no-such-compiler"), 127, errors="set CC")


# ---- run ----


@test
def plain_wdm_and_win32_programs_run(box):
    done = box.run("run", "--strict", "--events", "off", box.driver("scratch"), "--",
                   box.client("scratch"), "argument")
    expect(done, 0, "wrote 34 bytes\n"
           "read 34 bytes: \u2192 written on Windows, read on Linux\n"
           "2 reads, 1 writes, 34 bytes\n"
           "sum 781, argument argument\n"
           "IOCTL_SCRATCH_SUM of a bad address: error 998: Invalid access to memory location.\n")
    assert "scratch: loading from \\Registry\\Machine\\System" in done.stderr, done.stderr


@test
def cxx_driver_and_wmain_run(box):
    done = box.run("run", "--strict", "--events", "off", box.driver("ticker"), "--",
                   box.client("ticker"), "\u00e4rger")
    expect(done, 0, "20 ticks, sum 210, \u00e4rger\n", "")


@test
def service_manager_loads_and_unloads(box):
    done = box.run("run", "--strict", "--events", "off", "--", box.client("service"),
                   box.driver("scratch"))
    expect(done, 0, "opened: 1\nstate 1\ngone: 1, error 2\n")


@test
def service_manager_takes_windows_paths(box):
    driver = box.driver("scratch")
    system = box.folder / "system"
    system.mkdir()
    (system / "Scratch.sys").write_bytes(driver.read_bytes())
    for path in ("Z:" + str(system).replace("/", "\\") + "\\SCRATCH.SYS",
                 "\\??\\Z:" + str(system).replace("/", "\\") + "\\scratch.sys",
                 "Z:" + str(driver.with_suffix(".sys")).replace("/", "\\")):
        done = box.run("run", "--strict", "--events", "off", "--", box.client("service"), path)
        expect(done, 0, "opened: 1\nstate 1\ngone: 1, error 2\n")
        assert "no driver is loaded" not in done.stderr, done.stderr


@test
def client_without_drivers_gets_a_hint(box):
    done = subprocess.run([box.client("scratch")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=120, check=False)
    expect(done, 1, "CreateFile: error 2: The system cannot find the file specified.\n",
           "ntbox run")


@test
def minifilter_is_stopped_by_the_name_it_calls(box):
    done = box.run("run", "--events", "off", box.driver("minifilter"), "--", box.client("scratch"))
    expect(done, -signal.SIGABRT)
    assert "FltRegisterFilter is not implemented by ntbox." in done.stderr, done.stderr
    assert "minifilter_driver.c" in done.stderr, done.stderr
    assert "FltRegisterForDataScan" not in done.stderr, done.stderr  # the next stub


@test
def auxiliary_library_is_linked(box):
    done = box.run("run", "--strict", "--events", "off", box.driver("klib"), "--",
                   box.client("scratch"))
    expect(done, 1)  # there is no device that the client would find
    lines = [line for line in done.stderr.splitlines() if line.startswith("klib: ")]
    assert lines == ["klib: sizes agree", "klib: wrong element 0xC000000D",
                     "klib: too small 0xC0000023, untouched", "klib: one module has DriverEntry",
                     "klib: that is klib.so", "klib: bugcheck data 0xC0000004 0xC00000BB",
                     "klib: firmware 0xC00000BB 0xC00000BB"], done.stderr


@test
def auxiliary_library_wants_to_be_initialized(box):
    done = box.run("run", "--set", "klib\\Forget=dword:1", "--events", "off", box.driver("klib"),
                   "--", box.client("scratch"))
    expect(done, -signal.SIGABRT)
    assert "AuxKlibQueryModuleInformation was called before AuxKlibInitialize." in done.stderr, \
        done.stderr


@test
def what_is_left_behind_is_told(box):
    command = [box.driver("leaky"), "--", box.client("scratch")]
    expect(box.run("run", "--events", "off", *command), 1, errors="Leak")
    expect(box.run("run", "--events", "off", "--strict", *command), 4, errors="Leak")


@test
def driver_that_fails_is_3(box):
    done = box.run("run", "--events", "off", box.driver("refusing"), "--", box.client("scratch"))
    expect(done, 3, "", "STATUS_DEVICE_NOT_READY")


@test
def missing_parts_are_told_by_name(box):
    expect(box.run("run", "no-such-driver", "--", "true"), 3, "", "no-such-driver: no such file")
    expect(box.run("run", box.folder, "--", "true"), 3, "", "not a file")
    expect(box.run("run", "--", "no-such-client"), 127, "", "no-such-client: no such program")
    expect(box.run("run", "--", "/etc/passwd"), 126, "", "/etc/passwd")
    nonsense = box.folder / "nonsense.so"
    nonsense.write_text("this is no driver")
    done = box.run("run", "--events", "off", nonsense, "--", box.client("scratch"))
    expect(done, 3, "", "nonsense")
    done = box.run("run", "--", box.client("scratch"), NTBOX_KERNEL="/no/such/kernel.so")
    expect(done, 3, "", "cannot load the kernel")


@test
def environment_says_what_was_asked(box):
    done = box.run("run", "-v", "--set", "a\\b=dword:1", "--set", "a\\c=x y", "--tree", "12",
                   "--follow", "make -j 'a b'", "--processors", "2", "--", "env",
                   NTBOX_SETTINGS="old", NTBOX_DRIVERS="old")
    expect(done, 0, errors="exec env")
    lines = done.stdout.splitlines()
    assert "NTBOX_SETTINGS=a\\b=dword:1\x1fa\\c=x y" in done.stdout.replace("\r", ""), lines
    assert "NTBOX_FOLLOW=make\x1f-j\x1fa b" in done.stdout, lines
    assert "NTBOX_TREE=12" in lines and "NTBOX_PROCESSORS=2" in lines
    assert not any(line.startswith("NTBOX_DRIVERS=") for line in lines), lines


# ---- exports ----


@test
def exports_list_and_filter(box):
    done = box.run("exports", "KeSetTimer")
    expect(done, 0, errors="")
    assert "KeSetTimerEx" in done.stdout, done.stdout
    table = json.loads(box.run("exports", "--json", "iofcomplete").stdout)
    assert [row["name"] for row in table] == ["IofCompleteRequest"], table
    assert table[0]["status"] == "full" and table[0]["note"] == "", table
    partial = json.loads(box.run("exports", "--json", "--partial", "PsLookupProcessBy").stdout)
    assert [row["status"] for row in partial] == ["partial"] and partial[0]["note"], partial
    line = box.run("exports", "PsLookupProcessByProcessId").stdout.split(None, 3)
    assert line[:3] == ["partial", "APC_LEVEL", "PsLookupProcessByProcessId"], line
    assert partial[0]["note"] in line[3], line
    filters = json.loads(box.run("exports", "--json", "FltRegisterFilter").stdout)
    assert [(row["library"], row["status"]) for row in filters] == [("fltmgr", "stub")], filters
    stubs = box.run("exports", "--stubs").stdout.splitlines()
    implemented = box.run("exports", "--implemented").stdout.splitlines()
    both = box.run("exports").stdout.splitlines()
    assert len(stubs) + len(implemented) == len(both)
    expect(box.run("exports", "NoSuchExport"), 1, "", "no export fits")


def main(ntbox, samples, flags=""):
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory() as folder:
        box = Box(os.path.abspath(ntbox), samples, flags, folder)
        for number, function in enumerate(TESTS, 1):
            try:
                function(box)
                result = "ok"
            except (AssertionError, subprocess.TimeoutExpired) as problem:
                result = "not ok"
                failed += 1
                for line in str(problem).splitlines():
                    print("#", line)
            print(f"{result} {number} - {function.__name__}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
