#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""build_test.py NTBOX SAMPLES FLAGS - ntbox build: projects, solutions, sources, folders

The projects are written here, in Microsoft's formats; their sources say with #error what the
project should have told the compiler. FLAGS as for cli_test.py.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from cli_test import Box, expect

TESTS = []
ENTRY = ("#include <ntddk.h>\n"
         "NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)\n"
         "{ %s return STATUS_SUCCESS; }\n")
MAIN = "#include <windows.h>\n#include <stdio.h>\nint main(void) { %s return 0; }\n"
CPP = "$(VCTargetsPath)\\Microsoft.Cpp"


def test(function):
    TESTS.append(function)
    return function


def requires(*names):
    """Source lines that fail to compile unless each NAME or NAME=VALUE is defined so."""
    lines = []
    for name in names:
        if name.startswith("!"):
            lines.append(f"#ifdef {name[1:]}\n#error {name[1:]} is defined\n#endif\n")
        elif "=" in name:
            name, value = name.split("=")
            lines.append(f"#if !defined({name}) || {name} != {value}\n#error {name}\n#endif\n")
        else:
            lines.append(f"#ifndef {name}\n#error {name} is not defined\n#endif\n")
    return "".join(lines)


def project(body, kind="Driver", extra="", configurations=("Debug|x64", "Release|x64"), head=""):
    """The text of a .vcxproj as Visual Studio lays it out."""
    toolset = {"Driver": "WindowsKernelModeDriver10.0", "Application": "v143"}.get(kind, "v143")
    rows = "".join(f'<ProjectConfiguration Include="{row}">'
                   f'<Configuration>{row.split("|")[0]}</Configuration>'
                   f'<Platform>{row.split("|")[1]}</Platform></ProjectConfiguration>\n'
                   for row in configurations)
    return ('\ufeff<?xml version="1.0" encoding="utf-8"?>\n'
            '<Project DefaultTargets="Build" '
            'xmlns="http://schemas.microsoft.com/developer/msbuild/2003">\n'
            f'<ItemGroup Label="ProjectConfigurations">\n{rows}</ItemGroup>\n{head}'
            f'<Import Project="{CPP}.Default.props" />\n'
            '<PropertyGroup Label="Configuration">'
            f'<ConfigurationType>{kind}</ConfigurationType>'
            f'<PlatformToolset>{toolset}</PlatformToolset>'
            "<UseDebugLibraries Condition=\"'$(Configuration)'=='Debug'\">true"
            f'</UseDebugLibraries>{extra}</PropertyGroup>\n'
            f'<Import Project="{CPP}.props" />\n'
            "<Import Project=\"$(UserRootDir)\\Microsoft.Cpp.$(Platform).user.props\" "
            "Condition=\"exists('$(UserRootDir)\\Microsoft.Cpp.$(Platform).user.props')\" />\n"
            f'{body}\n<Import Project="{CPP}.targets" />\n</Project>\n')


def compile_items(*names):
    return "<ItemGroup>" + "".join(f'<ClCompile Include="{name}" />' for name in names) + \
        "</ItemGroup>"


def defines(text, condition=None):
    condition = f' Condition="{condition}"' if condition else ""
    return (f"<ItemDefinitionGroup{condition}><ClCompile><PreprocessorDefinitions>{text}"
            "</PreprocessorDefinitions></ClCompile></ItemDefinitionGroup>")


class Project:
    """A folder with files, and ntbox build in it."""

    def __init__(self, box, files):
        self.box = box
        self.folder = box.folder / f"p{len(list(box.folder.iterdir()))}"
        for name, text in files.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)

    def run(self, *arguments, path=".", **variables):
        sanitize = [flag.replace("-fsanitize=", "--sanitize=") for flag in self.box.flags]
        environment = dict(os.environ, **variables)
        return subprocess.run([self.box.ntbox, "build", *sanitize, *map(str, arguments), path],
                              cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=300,
                              check=False)

    def json(self, *arguments, code=0, **variables):
        done = self.run("--json", *arguments, **variables)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}{done.stderr}"
        summary = json.loads(done.stdout)
        assert summary["exit"] == code
        return {row["name"]: row for row in summary["projects"]}

    def has(self, name):
        return (self.folder / "ntbox-build" / name).is_file()

    def use(self, *arguments, where="ntbox-build"):
        """ntbox run in the output folder; without a client, one that does nothing."""
        if "--" not in arguments:
            client = self.box.folder / "idle"
            if not client.exists():
                source = self.box.folder / "idle.c"
                source.write_text(MAIN % "")
                done = self.box.run("cc", "--client", *self.box.flags, "-o", client, source)
                assert done.returncode == 0, done.stderr
            arguments = [*arguments, "--", client]
        return subprocess.run([self.box.ntbox, "run", "--strict", "--events", "off", *arguments],
                              cwd=self.folder / where, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=120,
                              check=False)


def driver(box, body="", source=ENTRY % "", **options):
    return Project(box, {"Drv.vcxproj": project(body + compile_items("main.c"), **options),
                         "main.c": source})


# ---- usage ----


@test
def wrong_usage_is_2_and_names_the_help(box):
    rows = [
        (["--no-such"], "no option"),
        (["-j", "0"], "-j 0"),
        (["-j"], "needs a value"),
        (["-p", "name"], "NAME=VALUE"),
        (["no-such-folder"], "no such file or folder"),
        (["a", "b"], "name one path"),
        ([str(box.folder)], "no .c or .cpp"),
        ([__file__], "not a .vcxproj"),
    ]
    for arguments, message in rows:
        done = box.run("build", *arguments)
        expect(done, 2, output="", errors=message)
        assert "--help" in done.stderr, done.stderr


@test
def folder_with_two_projects_asks_which(box):
    place = Project(box, {"a.vcxproj": project(""), "b.vcxproj": project("")})
    expect(place.run(), 2, "", "name one: a.vcxproj, b.vcxproj")


# ---- folders ----


@test
def folder_of_sources_becomes_driver_and_program(box):
    place = Project(box, {})
    place.folder.mkdir()
    for name in ("scratch_driver.c", "scratch_client.c", "scratch.h"):
        shutil.copy(box.samples / name, place.folder / name)
    done = place.run()
    expect(done, 0, errors="")
    assert "run it: ntbox run" in done.stdout, done.stdout
    name = place.folder.name
    assert place.has(f"{name}.sys") and place.has("scratch_client")
    done = place.use(f"./{name}.sys", "--", "./scratch_client", "argument")
    assert done.returncode == 0 and "sum 781" in done.stdout, done.stdout + done.stderr


@test
def main_in_comments_and_strings_is_no_program(box):
    place = Project(box, {"d.c": "/* int main(void) { } */\n// main() {\n"
                          'static const char Text[] = "main() {";\nint main(void);\n'
                          + ENTRY % "(void)Text;"})
    assert place.json()[place.folder.name]["kind"] == "driver"
    place = Project(box, {"p.c": "/* DriverEntry(a) { */\n" + MAIN % ""})
    assert place.json()[place.folder.name]["kind"] == "program"


# ---- projects ----


@test
def project_says_what_the_compiler_is_told(box):
    source = requires("ALL", "ONLY_DEBUG", "NUMBER=3", "OWN", "FORCED", "DBG=1", "FIRST", "LAST",
                      "TEXT_IS", "!GONE", "!RELEASE", "!NEVER", "FROM_OPTION=7")
    place = Project(box, {
        "Sys/Driver.vcxproj": project(
            defines("ALL;NUMBER=3;TEXT=\\\"x y\\\";GONE;%(PreprocessorDefinitions)")
            + defines("FIRST;%(PreprocessorDefinitions);LAST")
            + defines("%(PreprocessorDefinitions);ONLY_DEBUG",
                      "'$(Configuration)|$(Platform)'=='Debug|x64'")
            + defines("%(PreprocessorDefinitions);RELEASE",
                      "'$(Configuration)|$(Platform)'=='Release|x64'")
            + "<ItemDefinitionGroup><ClCompile>"
            "<AdditionalIncludeDirectories>$(ProjectDir)..\\INC;%(AdditionalIncludeDirectories);"
            "$(DDK_INC_PATH);$(IntDir)</AdditionalIncludeDirectories>"
            "<ForcedIncludeFiles>forced.h</ForcedIncludeFiles>"
            "<AdditionalOptions>/W4 /D FROM_OPTION=7 -wd4100 %(AdditionalOptions)"
            "</AdditionalOptions></ClCompile></ItemDefinitionGroup>"
            "<PropertyGroup><TargetName>$(ProjectName)-$(Configuration)</TargetName>"
            "</PropertyGroup>"
            '<ItemGroup><ClCompile Include="SRC\\Main.C"><PreprocessorDefinitions>OWN;'
            "%(PreprocessorDefinitions)</PreprocessorDefinitions>"
            "<UndefinePreprocessorDefinitions>GONE</UndefinePreprocessorDefinitions></ClCompile>"
            '<ClCompile Include="src\\plain.c" />'
            '<ClCompile Include="src\\other.c"><ExcludedFromBuild Condition="'
            "'$(Configuration)'=='Debug'\">true</ExcludedFromBuild></ClCompile>"
            '<ClInclude Include="x.h" /><ResourceCompile Include="d.rc" /></ItemGroup>'),
        "Sys/src/main.c": '#include "Sub\\Header.H"\n' + source
                          + 'static const char Is[sizeof(TEXT) == 4 ? 1 : -1] = {0};\n'
                          + ENTRY % "(void)Is;",
        "Sys/src/plain.c": requires("!OWN", "GONE", "ALL"),
        "Sys/src/other.c": "#error not to be built\n",
        "Inc/sub/header.h": "#define TEXT_IS TEXT\n",
        "Inc/forced.h": "#define FORCED\n",
    })
    rows = place.json(path="Sys")["Driver"]
    assert rows["status"] == "built" and rows["compiled"] == 2, rows
    assert rows["output"] == "Sys/ntbox-build/Driver-Debug.sys", rows
    assert rows["notes"] == ["d.rc: resources are left out"], rows


CONDITIONS = [
    ("'$(A)'=='one'", True), ("'$(A)' == 'ONE'", True), ("'$(A)' != 'one'", False),
    ("$(A) == 'one'", True), ("'$(None)' == ''", True), ("'$(Three)' &gt;= '3'", True),
    ("$(Three) &lt; 3.5", True), ("$(Three) == 3.0", True), ("'0x10' == '16'", True),
    ("'$(A)'=='one' and '$(Three)'=='3'", True), ("'$(A)'=='two' or '$(Three)'=='3'", True),
    ("'a'=='b' or 'a'=='a' and 'b'=='c'", False), ("('a'=='a' or 'a'=='b') and 'b'=='c'", False),
    ("!('a'=='b')", True), ("!Exists('main.c')", False), ("Exists('MAIN.C')", True),
    ("exists('$(ProjectDir)none.c')", False), ("HasTrailingSlash('$(ProjectDir)')", True),
    ("true", True), ("'$(Yes)'", True), ("$(Yes) and !off", True), ("'%41' == 'a'", True),
    ("'$(Configuration)|$(Platform)'=='Debug|x64'", True), (" ", True),
]


@test
def conditions_hold_as_in_msbuild(box):
    body = "<PropertyGroup><A>one</A><Three>3</Three><Yes>true</Yes></PropertyGroup>"
    wanted = []
    for number, (condition, holds) in enumerate(CONDITIONS):
        body += defines(f"%(PreprocessorDefinitions);C{number}", condition)
        wanted.append(f"C{number}" if holds else f"!C{number}")
    place = driver(box, body, requires(*wanted) + ENTRY % "")
    expect(place.run(), 0, errors="")


@test
def wrong_conditions_are_told_with_their_line(box):
    rows = [("'a", "a quote is not closed"), ("'a'==", "it ends too early"),
            ("('a'=='a'", "a ')' is missing"), ("'a' 'b'", "neither true nor false"),
            ("'a'=='a' 'b'", "something follows it"), ("what('a')", "not known"),
            ("'a' &lt; '1'", "only numbers"), ("!" * 100 + "true", "nested too deeply")]
    for condition, message in rows:
        place = driver(box, "\n" + defines("X", condition))
        done = place.run()
        expect(done, 1, errors=message)
        assert "Drv.vcxproj:1" in done.stderr, done.stderr
        assert not place.has("Drv.sys")


@test
def properties_and_imports_reach_everything(box):
    source = requires("FROM_PROPS", "FROM_DIRECTORY", "CHOSEN", "!OTHER", "LATER", "ABOVE",
                      "FIXED=1", "OUTER", "ESCAPED=1")
    place = Project(box, {
        "top/solution.sln": "Microsoft Visual Studio Solution File, Format Version 12.00\n"
                            'Project("{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}") = "d", '
                            '"d\\D.vcxproj", "{1}"\nEndProject\n',
        "top/Directory.Build.props": "<Project><PropertyGroup><Dir>FROM_DIRECTORY</Dir>"
                                     "</PropertyGroup></Project>",
        "top/shared/Common.props": "<Project><PropertyGroup><Common>FROM_PROPS</Common>"
                                   "</PropertyGroup><ImportGroup><Import Project='Outer.props' />"
                                   "</ImportGroup>"
                                   + defines("%(PreprocessorDefinitions);$(Late)") + "</Project>",
        "top/shared/outer.props": "<Project><PropertyGroup><Outer Condition=\""
                                  "'$(MSBuildThisFile)'=='outer.props'\">OUTER</Outer>"
                                  "</PropertyGroup></Project>",
        "top/d/D.vcxproj": project(
            '<Import Project="$(SolutionDir)shared\\common.props" />'
            "<Import Project=\"missing.props\" Condition=\"exists('missing.props')\" />"
            "<Choose><When Condition=\"'$(Common)'==''\"><PropertyGroup><Choice>OTHER</Choice>"
            "</PropertyGroup></When><Otherwise><PropertyGroup><Choice>CHOSEN</Choice>"
            "</PropertyGroup></Otherwise></Choose>"
            "<PropertyGroup><Late>LATER</Late><Fixed>2</Fixed><Up>$([MSBuild]::"
            "GetDirectoryNameOfFileAbove($(MSBuildThisFileDirectory), 'marker.txt'))</Up>"
            "<Escaped>ESCAPED%3D1</Escaped></PropertyGroup>"
            + defines("%(PreprocessorDefinitions);$(Common);$(Dir);$(Choice);FIXED=$(Fixed);"
                      "$(Outer);$(Escaped)")
            + defines("%(PreprocessorDefinitions);ABOVE", "exists('$(Up)\\marker.txt')")
            + compile_items("main.c")),
        "top/marker.txt": "",
        "top/d/main.c": source + ENTRY % "",
    })
    rows = place.json("-p", "Fixed=1", path="top")
    assert rows["D"]["status"] == "built" and rows["D"]["notes"] == [], rows
    rows = place.json("-p", "Fixed=1", path="top/d/D.vcxproj")
    assert rows["D"]["output"] == "top/d/ntbox-build/D.sys", rows


@test
def imports_in_a_circle_are_followed_once(box):
    place = driver(box, '<Import Project="a.props" />' + defines("$(A);$(B)"),
                   requires("A", "B") + ENTRY % "")
    place.write("a.props", "<Project><PropertyGroup><A>A</A></PropertyGroup>"
                           "<Import Project='b.props' /></Project>")
    place.write("b.props", "<Project><PropertyGroup><B>B</B></PropertyGroup>"
                           "<Import Project='A.props' /><Import Project='Drv.vcxproj' /></Project>")
    done = place.run()
    expect(done, 0, errors="a.props is imported in a circle")
    assert "Drv.vcxproj is imported in a circle" in done.stderr, done.stderr


@test
def broken_projects_are_told_with_file_and_line(box):
    good = project(compile_items("main.c"))
    rows = [
        (good.replace("</ItemGroup>", "", 1), "Drv.vcxproj:13: not well-formed XML"),
        (good[:400], "not well-formed XML"),
        ("", "not well-formed XML"),
        ('<!DOCTYPE p [<!ENTITY a "b">]>\n<Project>&a;</Project>', "document type"),
        ("<Solution />", "<Solution> is not an MSBuild project"),
        ("<a>" * 100, "nested too deeply"),
        (project('\n<Import Project="no.props" />'), "import of 'no.props': no such file"),
        (project(compile_items("none.c")), "source none.c: no such file"),
        (project('<ItemGroup><ProjectReference Include="no.vcxproj" /></ItemGroup>'),
         "project no.vcxproj: no such file"),
        (project("<PropertyGroup><A>xxxxxxxx</A>" + "<A>$(A)$(A)</A>" * 30 + "</PropertyGroup>"),
         "grows too long"),
        (project('<Import Project="bad.props" />'), "bad.props:2: not well-formed XML"),
    ]
    for text, message in rows:
        place = Project(box, {"Drv.vcxproj": text, "main.c": ENTRY % "",
                              "bad.props": "<Project>\n<PropertyGroup></Project>"})
        done = place.run()
        expect(done, 1, errors=message)
        assert not place.has("Drv.sys")


@test
def binary_and_other_encodings_are_read(box):
    text = project(compile_items("main.c"))
    place = Project(box, {"main.c": ENTRY % "",
                          "Drv.vcxproj": text[1:].replace("utf-8", "utf-16").encode("utf-16")})
    expect(place.run(), 0, errors="")
    place = Project(box, {"main.c": ENTRY % "", "Drv.vcxproj": bytes(range(256)) * 64})
    expect(place.run(), 1, errors="not well-formed XML")


@test
def configurations_are_chosen_and_told(box):
    rows = ("Debug Safe|Win32", "Debug Safe|x64", "Release|x64")
    place = driver(box, defines("SAFE", "'$(Configuration)'=='Debug Safe'"),
                   requires("SAFE") + ENTRY % "", configurations=rows)
    expect(place.run(), 0, errors="configuration Debug Safe|x64; choose with --configuration")
    done = place.run("--configuration", "Release")
    expect(done, 1, errors="SAFE is not defined")
    expect(place.run("--configuration", "Nightly"), 1,
           errors="it has: Debug Safe|Win32, Debug Safe|x64, Release|x64")
    place = driver(box, source=requires("!DBG", "NDEBUG") + ENTRY % "")
    expect(place.run("--configuration", "release"), 0, errors="")
    expect(place.run("--configuration", "Release", "--platform", "ARM64"), 1,
           errors="no configuration Release|ARM64")
    place = driver(box, configurations=("Debug|Win32",))
    expect(place.run(), 0, errors="no configuration for x64; what Debug|Win32 says is taken")


@test
def wildcards_and_changes_of_items(box):
    place = Project(box, {
        "Drv.vcxproj": project(
            '<ItemGroup><ClCompile Include="*.C;sub\\**\\*.c" Exclude="bad*.c;sub\\x\\no.c" />'
            '<ClCompile Remove="SUB\\gone.c" />'
            '<ClCompile Update="sub\\x\\y.c"><PreprocessorDefinitions>UPDATED'
            "</PreprocessorDefinitions></ClCompile></ItemGroup>"),
        "main.c": ENTRY % "",
        "Bad1.c": "#error\n", "sub/x/no.c": "#error\n", "sub/gone.c": "#error\n",
        "sub/x/y.c": requires("UPDATED"), "sub/main.c": requires("!UPDATED"),
    })
    assert place.json()["Drv"]["sources"] == 3


@test
def sources_of_one_name_do_not_collide(box):
    place = Project(box, {
        "Drv.vcxproj": project(compile_items("main.c", "a\\x.c", "b\\x.c", "x.cpp", "a_x.c")),
        "main.c": "int A(void); int B(void); int C(void); int D(void);\n"
                  + ENTRY % "if (A() + B() + C() + D() != 10) return STATUS_UNSUCCESSFUL;",
        "a/x.c": "int A(void) { return 1; }\n", "b/x.c": "int B(void) { return 2; }\n",
        "x.cpp": 'extern "C" int C(void) { return 3; }\n', "a_x.c": "int D(void) { return 4; }\n",
    })
    expect(place.run(), 0, errors="")
    done = place.use("./Drv.sys")
    assert done.returncode == 0, done.stderr


@test
def programs_have_their_characters_and_entry(box):
    place = Project(box, {
        "App.vcxproj": project(defines("_CONSOLE;%(PreprocessorDefinitions)")
                               + compile_items("app.cpp", "pch.cpp"), kind="Application",
                               extra="<CharacterSet>Unicode</CharacterSet>"),
        "app.cpp": '#include "PCH.h"\n' + requires("UNICODE", "_UNICODE", "_DEBUG", "_CONSOLE",
                                                   "!DBG")
                   + 'int wmain() { printf("%d\\n", (int)sizeof(TCHAR)); return 0; }\n',
        "pch.cpp": '#include "pch.h"\n',
        "pch.h": "#pragma once\n#include <windows.h>\n#include <stdio.h>\n",
    })
    done = place.run()
    expect(done, 0, errors="")
    done = subprocess.run([place.folder / "ntbox-build/App"], stdout=subprocess.PIPE,
                          universal_newlines=True, timeout=60, check=False)
    expect_output = (done.returncode, done.stdout)
    assert expect_output == (0, "2\n"), expect_output


@test
def standard_and_language_of_sources(box):
    body = ("<ItemDefinitionGroup><ClCompile><LanguageStandard>stdcpp20</LanguageStandard>"
            "</ClCompile></ItemDefinitionGroup><ItemGroup>"
            '<ClCompile Include="main.c" /><ClCompile Include="a.c"><CompileAs>CompileAsCpp'
            '</CompileAs></ClCompile><ClCompile Include="b.cpp"><CompileAs>CompileAsC'
            '</CompileAs></ClCompile><ClCompile Include="c.cpp" /></ItemGroup>')
    place = Project(box, {
        "Drv.vcxproj": project(body), "main.c": requires("!__cplusplus") + ENTRY % "",
        "a.c": "#if __cplusplus < 202000L\n#error\n#endif\n",
        "b.cpp": requires("!__cplusplus") + "int *B(void *x) { return x; }\n",
        "c.cpp": "#if __cplusplus < 202000L\n#error\n#endif\n"})
    expect(place.run(), 0, errors="")


@test
def pragmas_and_annotations_compile_in_silence(box):
    place = driver(box, source="#include <ntddk.h>\n"
                   "DRIVER_INITIALIZE DriverEntry;\nDRIVER_UNLOAD Unload;\n"
                   "#ifdef ALLOC_PRAGMA\n#pragma alloc_text(INIT, DriverEntry)\n"
                   "#pragma alloc_text (PAGE, Unload)\n#endif\n"
                   "#pragma warning(disable:4100)\n#pragma prefast(suppress: 28101)\n"
                   '#pragma code_seg("PAGE")\n#pragma comment(lib, "x.lib")\n'
                   "#pragma data_seg()\n#pragma code_seg()\n#pragma region A\n#pragma endregion\n"
                   "_Use_decl_annotations_ VOID NTAPI Unload(PDRIVER_OBJECT d)\n"
                   "{ PAGED_CODE(); UNREFERENCED_PARAMETER(d); }\n"
                   "NTSTATUS NTAPI DriverEntry(_In_ PDRIVER_OBJECT d, _In_ PUNICODE_STRING p)\n"
                   "{ d->DriverUnload = Unload; return STATUS_SUCCESS; }\n")
    expect(place.run(), 0, errors="")


# ---- building ----


@test
def only_what_changed_is_built_again(box):
    place = Project(box, {
        "Drv.vcxproj": project(compile_items("main.c", "other.c")),
        "main.c": '#include "a header.h"\n' + ENTRY % "", "other.c": "int Other;\n",
        "a header.h": "int Header;\n"})

    def compiled(*arguments, **options):
        row = place.json(*arguments, **options)["Drv"]
        return row["status"], row["compiled"]

    assert compiled() == ("built", 2)
    assert compiled() == ("current", 0)
    place.write("a header.h", "int Header2;\n")
    assert compiled() == ("built", 1)
    os.utime(place.folder / "other.c", (1, 1))
    assert compiled() == ("built", 1), "an older file is another file"
    assert compiled("-D", "NEW") == ("built", 2)
    assert compiled("--configuration", "Release") == ("built", 2)
    assert compiled() == ("built", 2), "without -D again"
    assert compiled() == ("current", 0)
    (place.folder / "ntbox-build/Drv.sys").unlink()
    assert compiled() == ("built", 0)
    shutil.rmtree(place.folder / "ntbox-build")
    assert compiled("-j", "1") == ("built", 2)
    place.write("other.c", "#error broken\n")
    assert compiled(code=1) == ("failed", 1)
    place.write("other.c", "int Other;\n")
    assert compiled() == ("built", 1)
    assert (place.folder / "ntbox-build/.gitignore").read_text() == "*\n"


@test
def errors_of_the_compiler_come_as_they_are(box):
    place = Project(box, {
        "Drv.vcxproj": project(compile_items("main.c", "bad.c", "worse.c")),
        "main.c": ENTRY % "", "bad.c": "int a = ;\n", "worse.c": "\nint b = ;\n"})
    done = place.run()
    expect(done, 1, errors="bad.c:1:9: error:")
    assert "worse.c:2:9: error:" in done.stderr, done.stderr
    assert "Drv: not built" in done.stderr and "\033" not in done.stderr, done.stderr
    place = driver(box, source="VOID NoSuchFunction(VOID);\n".replace("VOID", "void")
                   + ENTRY % "NoSuchFunction();")
    expect(place.run(), 1, errors="NoSuchFunction")


@test
def options_reach_the_compiler(box):
    place = driver(box, source='#include <extra.h>\n' + requires("MINE=4", "EXTRA") + ENTRY % "")
    place.write("more/extra.h", "#define EXTRA\n")
    done = place.run("-D", "MINE=4", "-I", "more", "-v", "--sanitize=address,undefined")
    assert done.returncode == 0, done.stderr
    assert "ntbox cc --driver -c -g -O0" in done.stderr, done.stderr
    assert "-fsanitize=address,undefined" in done.stderr, done.stderr
    expect(place.run("-D", "MINE=4", "-I", "more", "--cc", "no-such-gcc"), 127,
           errors="no-such-gcc")
    place = Project(box, {"x.cpp": ENTRY.replace("NTSTATUS NTAPI", 'extern "C" NTSTATUS NTAPI')
                          % ""})
    expect(place.run("--cc", "/no/such/clang-99"), 127, errors="/no/such/clang++-99")


@test
def libraries_are_linked_into_what_refers_to_them(box):
    library = project(compile_items("l.cpp"), kind="StaticLibrary",
                      extra="<PlatformToolset>WindowsKernelModeDriver10.0</PlatformToolset>")
    reference = '<ItemGroup><ProjectReference Include="..\\Lib\\LIB.vcxproj" /></ItemGroup>'
    place = Project(box, {
        "lib/Lib.vcxproj": library,
        "lib/l.cpp": requires("DBG=1") + 'extern "C" int FromLibrary(void) { return 5; }\n',
        "drv/Drv.vcxproj": project(compile_items("main.c") + reference),
        "drv/main.c": "int FromLibrary(void);\n"
                      + ENTRY % "if (FromLibrary() != 5) return STATUS_UNSUCCESSFUL;"})
    done = place.run(path="drv")
    expect(done, 0, errors="")
    done = place.use("./Drv.sys", where="drv/ntbox-build")
    assert done.returncode == 0, done.stderr
    place.write("lib/l.cpp", "int broken = ;\n")
    expect(place.run(path="drv"), 1, errors="Drv: needs Lib, which is not built")


# ---- solutions ----


def solution(*rows):
    lines = [f'Project("{{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}}") = "{name}", "{path}", "{{1}}"\n'
             "EndProject\n" for name, path in rows]
    return ("\ufeff\nMicrosoft Visual Studio Solution File, Format Version 12.00\n"
            'Project("{2150E333-8FDC-42A3-9474-1A3956D46DE8}") = "Folder", "Folder", "{2}"\n'
            "EndProject\n" + "".join(lines) + "Global\nEndGlobal\n").replace("\n", "\r\n")


def mapped_solution(rows, mapping, configurations=("Debug|x64", "Release|x64", "Debug|x86")):
    """rows: name, path; mapping: name, the solution's configuration, the project's, is it built."""
    lines = "".join(f'Project("{{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}}") = "{name}", "{path}", '
                    f'"{{{name.upper()}}}"\nEndProject\n' for name, path in rows)
    configured = "".join(f"\t\t{row} = {row}\n" for row in configurations)
    mapped = "".join(f"\t\t{{{name}}}.{where}.ActiveCfg = {what}\n"
                     + (f"\t\t{{{name}}}.{where}.Build.0 = {what}\n" if built else "")
                     for name, where, what, built in mapping)
    return ("\ufeff\nMicrosoft Visual Studio Solution File, Format Version 12.00\n" + lines +
            "Global\n\tGlobalSection(SolutionConfigurationPlatforms) = preSolution\n" + configured +
            "\tEndGlobalSection\n"
            "\tGlobalSection(ProjectConfigurationPlatforms) = postSolution\n" + mapped +
            "\tEndGlobalSection\n\tGlobalSection(SolutionProperties) = preSolution\n"
            "\t\tHideSolutionNode = FALSE\n\tEndGlobalSection\nEndGlobal\n").replace("\n", "\r\n")


MAPPED = {
    "a.c": ENTRY % "", "b.c": ENTRY % "",
    "A.vcxproj": project(compile_items("a.c"),
                         configurations=("Win10 Debug|x64", "Win10 Release|x64", "Debug|Win32")),
    "B.vcxproj": project(compile_items("b.c"))}


@test
def solutions_say_which_configuration_of_a_project_is_built(box):
    text = mapped_solution((("a", "A.vcxproj"), ("b", "B.vcxproj")), (
        ("a", "Debug|x64", "Win10 Release|x64", True), ("B", "Debug|x64", "Debug|x64", True),
        ("A", "Release|x64", "Win10 Debug|x64", True), ("B", "Release|x64", "Release|x64", False),
        ("A", "Debug|x86", "Debug|Win32", False), ("B", "Debug|x86", "Debug|x64", False)))
    slnx = ('<Solution><Configurations><BuildType Name="Debug" /><BuildType Name="Release" />'
            '<Platform Name="x64" /><Platform Name="x86" /></Configurations>'
            '<Project Path="A.vcxproj"><BuildType Solution="Debug|*" Project="Win10 Release" />'
            '<BuildType Solution="Release|x64" Project="Win10 Debug" />'
            '<Build Solution="*|x86" Project="false" /></Project>'
            '<Folder Name="/f/"><Project Path="B.vcxproj">'
            '<Build Solution="Release|*" Project="false" /><Build Solution="Debug|x86" '
            'Project="false" /></Project></Folder></Solution>')
    for name, content in (("All.sln", text), ("All.slnx", slnx)):
        place = Project(box, {**MAPPED, name: content})
        rows = {key: row["configuration"] for key, row in place.json().items()}
        assert rows == {"A": "Win10 Release", "B": "Debug"}, rows
        done = place.run("--configuration", "release")
        expect(done, 0, errors=f"{name}: leaves B.vcxproj out of Release|x64")
        rows = {key: row["configuration"]
                for key, row in place.json("--configuration", "Release").items()}
        assert rows == {"A": "Win10 Debug"}, rows
        expect(place.run("--platform", "x86"), 1, "", "no C or C++ project in it for Debug|x86")
        done = place.run("--configuration", "Checked")
        expect(done, 1, "", f"{name}: no configuration Checked|x64; it has: Debug|x64, ")


@test
def what_a_solution_refers_to_is_built_as_it_says(box):
    library = project(compile_items("l.c"), kind="StaticLibrary",
                      configurations=("Debug|x64", "Special|x64"),
                      extra="<PlatformToolset>WindowsKernelModeDriver10.0</PlatformToolset>")
    reference = '<ItemGroup><ProjectReference Include="lib.vcxproj" /></ItemGroup>'
    place = Project(box, {
        "a.c": ENTRY % "", "l.c": "int Library;\n", "lib.vcxproj": library,
        "a.vcxproj": project(compile_items("a.c") + reference),
        "x.sln": mapped_solution((("a", "a.vcxproj"), ("l", "lib.vcxproj")), (
            ("a", "Debug|x64", "Debug|x64", True), ("l", "Debug|x64", "Special|x64", True)))})
    rows = {key: row["configuration"] for key, row in place.json().items()}
    assert rows == {"a": "Debug", "lib": "Special"}, rows


@test
def solutions_build_all_their_projects(box):
    program = project(compile_items("app.c"), kind="Application")
    place = Project(box, {
        "All.sln": solution(("same", "sys\\Same.vcxproj"), ("same", "EXE\\same.vcxproj"),
                            ("net", "net\\net.csproj")),
        "sys/same.vcxproj": project(compile_items("main.c")), "sys/main.c": ENTRY % "",
        "exe/same.vcxproj": program,
        "exe/app.c": MAIN % 'OpenSCManager(0, 0, 0); CreateServiceA(0, "", "", 0, 0, 0, 0, "", 0, '
                            "0, 0, 0, 0);",
    })
    done = place.run()
    expect(done, 0, errors="net\\net.csproj is no C or C++ project")
    assert place.has("same.sys") and place.has("same"), done.stdout
    assert "(cd 'ntbox-build' && ntbox run -- ./same)" in done.stdout, done.stdout
    (place.folder / "All.sln").unlink()
    place.write("All.slnx", '<Solution><Folder Name="/f/"><Project Path="exe/same.vcxproj" />'
                '</Folder><Project Path="sys\\same.vcxproj" /></Solution>')
    done = place.run()
    expect(done, 0, errors="")
    assert done.stdout.count("current") == 2, done.stdout


@test
def products_of_one_name_get_folders(box):
    place = Project(box, {
        "All.sln": solution(("a", "a\\drv.vcxproj"), ("b", "b\\drv.vcxproj")),
        "a/drv.vcxproj": project(compile_items("main.c")), "a/main.c": ENTRY % "",
        "b/drv.vcxproj": project(compile_items("main.c")), "b/main.c": ENTRY % ""})
    expect(place.run(), 0, errors="")
    assert place.has("a/drv.sys") and place.has("b/drv.sys")


@test
def broken_solutions_are_told(box):
    place = Project(box, {"x.sln": "what is this\n"})
    expect(place.run(), 1, "", "x.sln: not a Visual Studio solution")
    place = Project(box, {"x.sln": solution()})
    expect(place.run(), 1, "", "x.sln: no C or C++ project in it")
    place = Project(box, {"x.sln": solution(("a", "none\\a.vcxproj"))})
    expect(place.run(), 1, "", "none\\a.vcxproj: cannot be read")
    place = Project(box, {"x.slnx": "<Solution>"})
    expect(place.run(), 1, "", "x.slnx:1: not well-formed XML")


# ---- what cannot run here ----


@test
def other_kinds_of_drivers_are_named(box):
    link = ("<ItemDefinitionGroup><Link><AdditionalDependencies>$(DDK_LIB_PATH)\\%s;"
            "%%(AdditionalDependencies)</AdditionalDependencies></Link></ItemDefinitionGroup>")
    rows = [("", "<DriverType>KMDF</DriverType>", "Driver", "a KMDF driver"),
            ("", "<DriverType>UMDF</DriverType>", "DynamicLibrary", "a UMDF driver"),
            (link % "FltMgr.lib", "<DriverType>WDM</DriverType>", "Driver", "minifilter"),
            (link % "ndis.lib", "", "Driver", "NDIS"),
            ("", "", "DynamicLibrary", "a DLL")]
    for body, extra, kind, message in rows:
        place = driver(box, body, "#error not to be compiled\n", extra=extra, kind=kind)
        done = place.run()
        expect(done, 5, "", message)
        assert "ntbox runs WDM drivers" in done.stderr, done.stderr
        row = place.json(code=5)["Drv"]
        assert row["status"] == "refused" and message in row["refusal"], row
    place = Project(box, {
        "x.sln": solution(("k", "k.vcxproj"), ("a", "a.vcxproj")),
        "k.vcxproj": project("", extra="<DriverType>KMDF</DriverType>"),
        "a.vcxproj": project(compile_items("a.c"), kind="Application"), "a.c": MAIN % ""})
    expect(place.run(), 5, errors="KMDF")
    assert place.has("a")


@test
def folders_with_kmdf_sources_are_refused(box):
    for files in ({"main.c": "#include <ntddk.h>\n# include <wdf.h>\n" + ENTRY % ""},
                  {"main.c": '#include "common.h"\n' + ENTRY % "",
                   "common.h": '#pragma once\n#include <ntddk.h>\n#include "WDF.h"\n'}):
        place = Project(box, files)
        done = place.run()
        expect(done, 5, "", "KMDF is not supported; ntbox runs WDM drivers")
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert [row["status"] for row in place.json(code=5).values()] == ["refused"]
    place = Project(box, {"main.c": "// #include <wdf.h>\n/*\n#include <wdf.h>\n*/\n"
                                    "#define wdf 1 // wdf.h\n" + ENTRY % ""})
    expect(place.run(), 0, errors="")


@test
def what_is_left_out_is_named(box):
    place = driver(box, '<ItemGroup><Midl Include="i.idl" /><MASM Include="a.asm" />'
                   '<CustomBuild Include="c.txt" /><Ctrpp Include="p.man" />'
                   '<MessageCompile Include="e.man" /></ItemGroup><Target Name="Mine" />'
                   "<ItemDefinitionGroup><PostBuildEvent><Command>copy a b</Command>"
                   "</PostBuildEvent></ItemDefinitionGroup>"
                   "<PropertyGroup><F>$([System.DateTime]::Now)</F></PropertyGroup>"
                   "<ItemDefinitionGroup><ClCompile><AdditionalIncludeDirectories>C:\\no;none"
                   "</AdditionalIncludeDirectories></ClCompile></ItemDefinitionGroup>")
    notes = "\n".join(place.json()["Drv"]["notes"])
    for text in ("i.idl: interfaces", "a.asm: assembler", "c.txt: its custom build", "p.man:",
                 "e.man: event manifests", "build target Mine is not run",
                 "PostBuildEvent is not run", "DateTime", "include folder C:\\no is not there",
                 "include folder none is not there"):
        assert text in notes, (text, notes)


# ---- what is generated ----


@test
def message_files_become_headers(box):
    text = ("MessageIdTypedef=NTSTATUS\r\nSeverityNames=(Success=0x0:STATUS_SEVERITY_SUCCESS\r\n"
            "Error=0x3:STATUS_SEVERITY_ERROR)\r\nFacilityNames=(System=0x0\r\n"
            "Mine=0x7:FACILITY_MINE)\r\nMessageId=0x0001 Facility=Mine Severity=Error "
            "SymbolicName=MSG_BROKEN\r\nLanguage=English\r\nIt broke.\r\n.\r\n")
    source = ('#include <ntddk.h>\n#include "%s.h"\n'
              "static const char Is[MSG_BROKEN == (NTSTATUS)0xC0070001 ? 1 : -1] = {0};\n")
    place = Project(box, {
        "Drv.vcxproj": project('<ItemGroup><MessageCompile Include="LOG.mc" /></ItemGroup>'
                               + compile_items("main.c")),
        "main.c": source % "log" + ENTRY % "(void)Is;",
        "log.mc": b"\xff\xfe" + text.encode("utf-16-le")})
    expect(place.run(), 0, errors="")
    assert place.json()["Drv"]["compiled"] == 0
    place.write("log.mc", text.replace("MSG_BROKEN", "MSG_OTHER"))
    expect(place.run(), 1, errors="MSG_BROKEN")
    place = Project(box, {"main.c": source % "log" + ENTRY % "(void)Is;", "log.mc": text})
    expect(place.run(), 0, errors="")
    place.write("log.mc", "\ufeff" + text.replace("\r", ""))
    expect(place.run(), 0, errors="")
    place.write("log.mc", "MessageId=nonsense(")
    expect(place.run(), 1, errors="log.mc")


TRACE_HEADER = """
#define WPP_CONTROL_GUIDS WPP_DEFINE_CONTROL_GUID(Ctl,(d58c126f, b309, 11d1, 969e, 0000f875a5bc), \\
    WPP_DEFINE_BIT(FLAG_A) WPP_DEFINE_BIT(FLAG_B))
#define WPP_LEVEL_FLAGS_LOGGER(level, flags) WPP_LEVEL_LOGGER(flags)
#define WPP_LEVEL_FLAGS_ENABLED(level, flags) \\
    (WPP_LEVEL_ENABLED(flags) && WPP_CONTROL(WPP_BIT_##flags).Level >= level)
// begin_wpp config
// USEPREFIX (Leave, "%!STDPREFIX!");
// FUNC Leave{FLAG=FLAG_A}(EXP);
// func Plain{LEVEL=TRACE_LEVEL_ERROR}(MSG, ...);
// FUNC KdPrint((MSG, ...));
// end_wpp
#define WPP_FLAG_EXP_PRE(FLAG, HR) { if ((HR) == 77) {
#define WPP_FLAG_EXP_POST(FLAG, HR) ; DbgPrint("traced %d\\n", HR); } }
"""


@test
def adapted_headers_count_as_what_they_are(box):
    place = driver(box, source='#include "number.h"\n' + ENTRY % "(void)Number;")
    place.write("number.h", "static long Number = 1L;\n")
    assert place.json()["Drv"]["status"] == "built"
    assert place.json()["Drv"]["status"] == "current"
    place.write("number.h", "static long Number = 20L;\n")
    row = place.json()["Drv"]
    assert (row["status"], row["compiled"]) == ("built", 1), row


@test
def trace_headers_are_made(box):
    body = ('<ItemGroup><ClCompile Include="main.c"><WppEnabled>true</WppEnabled>'
            "<WppTraceFunction>TraceEvents(LEVEL,FLAGS,MSG,...);Dump((LEVEL,FLAGS,MSG,...))"
            "</WppTraceFunction><WppScanConfigurationData>trace.h</WppScanConfigurationData>"
            '</ClCompile><ClCompile Include="sub\\two.cpp" /></ItemGroup>')
    use = ('WPP_INIT_TRACING(Driver, Path); int flag = 77; TraceEvents(TRACE_LEVEL_ERROR, FLAG_A, '
           '"%d %!STATUS!", flag++, 0); DoTraceMessage(FLAG_B, "x"); Plain("%d", flag++); '
           'Dump((1, FLAG_A, "%!HEX!", flag++)); KdPrint(("no %d", 1)); '
           'if (WPP_LEVEL_FLAGS_ENABLED(2, FLAG_B)) flag = 0; Leave(flag); '
           'if (WPP_BIT_FLAG_B != 1) flag = 0; WPP_CLEANUP(Driver); ')
    place = Project(box, {
        "Drv.vcxproj": project(body), "trace.h": TRACE_HEADER,
        "main.c": '#include <ntddk.h>\n#include "trace.h"\n#include "main.tmh"\n' + ENTRY % use,
        "sub/two.cpp": '#include <ntddk.h>\n#include "..\\trace.h"\n#include "two.TMH"\n'
                       'void Two() { DoTraceMessage(FLAG_A, "two"); }\n'})
    expect(place.run(), 0, errors="WPP tracing is off")
    done = place.use("./Drv.sys")
    assert done.returncode == 0 and "traced 77" in done.stderr, done.stderr
    assert "no 1" not in done.stderr, done.stderr
    assert place.json()["Drv"]["status"] == "current"


# ---- what a driver needs ----


@test
def stubs_and_unknown_functions_are_told(box):
    stub = json.loads(box.run("exports", "--stubs", "--json").stdout)[0]["name"]
    place = driver(box, source=f"void {stub}(void);\n" + ENTRY % f"if (Path == NULL) {stub}();")
    expect(place.run(), 0, errors=f"Drv: warning: stubs, which end a driver that calls them: {stub}")
    expect(place.run("--strict"), 4, errors=stub)
    assert place.json("--strict", code=4)["Drv"]["stubs"] == [stub]
    place = driver(box, source="void NoSuch1(void);\nvoid NoSuch2(void);\n#include <string.h>\n"
                   + ENTRY % "NoSuch1(); NoSuch2(); DbgPrint(\"%d\", (int)wcslen(L\"\"));")
    row = place.json("--check", code=1)["Drv"]
    assert row["unknown"] == ["NoSuch1", "NoSuch2"] and row["output"] is None, row
    assert not place.has("Drv.sys")
    place = driver(box)
    row = place.json("--check")["Drv"]
    assert row["status"] == "checked" and row["unknown"] == [], row
    assert not place.has("Drv.sys")


# ---- WDK 7 ----


@test
def sources_files_are_understood(box):
    place = Project(box, {
        "dirs": "DIRS= \\\n  Sys \\\n  app{sys}\n",
        "sys/sources": "# a comment\nTARGETNAME=old\nTARGETTYPE=DRIVER\nMYINC=..\\inc\n"
                       "INCLUDES=$(DDK_INC_PATH);$(MYINC)\n"
                       "C_DEFINES=$(C_DEFINES) -DFIRST /DSECOND=2 -DTEXT=\\\"x\\\"\n"
                       "!if \"$(DDKBUILDENV)\" == \"chk\"\nC_DEFINES=$(C_DEFINES) /DCHECKED\n"
                       "!else\nC_DEFINES=$(C_DEFINES) /DFREE\n!endif\n"
                       "!ifdef NOTHING\nC_DEFINES=\n!elseif $(_NT_TARGET_VERSION) > 0x500\n"
                       "C_DEFINES=$(C_DEFINES) /DNEW\n!endif\n!INCLUDE more.inc\n"
                       "!include $(NTMAKEENV)\\makefile.def\n"
                       "SOURCES= Main.c   \\\n  # not this: bad.c \\\n  sub\\TWO.c \\\n  d.rc\n",
        "sys/more.inc": "C_DEFINES=$(C_DEFINES) -DMORE\n",
        "sys/main.c": '#include <common.h>\n'
                      + requires("FIRST", "SECOND=2", "CHECKED", "!FREE", "NEW", "MORE", "COMMON",
                                 "TEXT", "DBG=1") + ENTRY % "",
        "sys/sub/two.c": "int Two;\n", "inc/Common.h": "#define COMMON\n",
        "app/sources": "TARGETNAME=oldapp\nTARGETTYPE=PROGRAM\nUMTYPE=console\nUMENTRY=main\n"
                       "C_DEFINES=-DUNICODE -D_UNICODE\nSOURCES=app.c\n",
        "app/app.c": requires("UNICODE", "!DBG") + MAIN % "",
    })
    done = place.run()
    expect(done, 0, errors="d.rc: resources are left out")
    assert place.has("old.sys") and place.has("oldapp"), done.stdout


@test
def broken_sources_files_are_told(box):
    rows = [("TARGETTYPE=DRIVER\n!if 1\n", 1, "an !if has no !endif"),
            ("!endif\nTARGETTYPE=DRIVER\n", 1, "sources:1: !endif without !if"),
            ("\n!include no.inc\n", 1, "sources:2: !include no.inc: no such file"),
            ("!include sources\nTARGETTYPE=DRIVER\n", 1, "too many includes"),
            ("TARGETTYPE=SOMETHING\n", 1, "TARGETTYPE 'SOMETHING' is not known"),
            ("TARGETTYPE=DRIVER\nSOURCES=none.c\n", 1, "source none.c: no such file"),
            ("TARGETTYPE=DRIVER\n", 1, "SOURCES names no source"),
            ("TARGETTYPE=DRIVER\nKMDF_VERSION_MAJOR=1\n", 5, "a KMDF driver"),
            ("TARGETTYPE=DRIVER\nTARGETLIBS=$(DDK_LIB_PATH)\\ndis.lib\n", 5, "NDIS"),
            ("TARGETTYPE=DYNLINK\n", 5, "a DLL")]
    for text, code, message in rows:
        expect(Project(box, {"sources": text}).run(), code, errors=message)


def main(ntbox, samples, flags=""):
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory() as folder:
        for number, function in enumerate(TESTS, 1):
            box = Box(os.path.abspath(ntbox), samples, flags, os.path.join(folder, str(number)))
            box.folder.mkdir()
            os.environ["XDG_CACHE_HOME"] = str(box.folder / ".cache")
            try:
                function(box)
                result = "ok"
            except (AssertionError, KeyError, ValueError, subprocess.TimeoutExpired) as problem:
                result = "not ok"
                failed += 1
                for line in repr(problem).replace("\\n", "\n").splitlines():
                    print("#", line)
            print(f"{result} {number} - {function.__name__}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
