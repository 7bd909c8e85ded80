/* SPDX-License-Identifier: MIT
 *
 * cli/project/summary.c - what ntbox build says at its end: lines, or JSON
 */
#include "cli/project/maker.h"

#include <stdio.h>
#include <string.h>

static const char *
KindOf(const CLI_PROJECT *Project)
{
    static const char *const names[] = {"nothing", "driver", "program", "library"};

    return names[Project->Kind];
}

static const char *
StatusOf(const CLI_MAKE *Make, const CLI_UNIT *Unit)
{
    if (Unit->Project->Errors.Count != 0 || Unit->Failed || Unit->Needs.Unknown.Count != 0) {
        return "failed";
    }
    if (Unit->Project->Refusal != NULL) {
        return "refused";
    }
    if (Unit->Output == NULL) {
        return "skipped";
    }
    if (Make->Check) {
        return "checked";
    }
    return Unit->IsLinked ? "built" : "current";
}

/* ---- lines ---- */

static void
PrintNeeds(const CLI_UNIT *Unit)
{
    const CLI_NEEDS *needs = &Unit->Needs;
    const char *name = Unit->Project->Name;

    if (needs->Unknown.Count != 0) {
        CliError("%s: neither ntbox nor its sources have %s", name, CliJoin(&needs->Unknown, ", "));
    }
    if (needs->Stubs.Count != 0) {
        CliError("%s: warning: stubs, which end a driver that calls them: %s", name,
                 CliJoin(&needs->Stubs, ", "));
    }
}

/* Most drivers use something that is not all there, or not all tested: no reason to warn. */
static void
PrintPartial(const CLI_UNIT *Unit)
{
    if (Unit->Needs.Partial.Count != 0) {
        printf("         partial: %s ('ntbox exports NAME' says what is missing)\n",
               CliJoin(&Unit->Needs.Partial, ", "));
    }
}

static void
PrintUnit(const CLI_MAKE *Make, const CLI_UNIT *Unit)
{
    const CLI_PROJECT *project = Unit->Project;
    const char *status = StatusOf(Make, Unit);

    for (size_t i = 0; i < project->Notes.Count; i++) {
        CliError("note: %s", project->Notes.Items[i]);
    }
    for (size_t i = 0; i < project->Errors.Count; i++) {
        CliError("%s", project->Errors.Items[i]);
    }
    PrintNeeds(Unit);
    if (strcmp(status, "refused") == 0) {
        CliError("%s: %s; ntbox runs WDM drivers and console programs only", project->File,
                 project->Refusal);
    } else if (strcmp(status, "failed") == 0) {
        CliError("%s: not built", project->Name);
    } else if (strcmp(status, "skipped") != 0 && !Make->Json) {
        printf("%-8s %-8s %s (%zu of %zu sources compiled)\n", status, KindOf(project),
               Make->Check ? project->Name : Unit->Output, Unit->Compiled, project->SourceCount);
        PrintPartial(Unit);
    }
}

/* ---- how to run it ---- */

static const CLI_UNIT *
OnlyUnit(const CLI_UNIT *Units, size_t Count, CLI_KIND Kind)
{
    const CLI_UNIT *found = NULL;

    for (size_t i = 0; i < Count; i++) {
        if (Units[i].Project->Kind == Kind && Units[i].Output != NULL) {
            if (found != NULL) {
                return NULL;
            }
            found = &Units[i];
        }
    }
    return found;
}

static void
PrintHint(const CLI_MAKE *Make, const CLI_UNIT *Units, size_t Count)
{
    const CLI_UNIT *driver = OnlyUnit(Units, Count, CliKindDriver);
    const CLI_UNIT *program = OnlyUnit(Units, Count, CliKindProgram);
    const char *slash = Make->OutFolder[0] == '/' ? "" : "./";

    if (driver == NULL) {
        return;
    }
    if (program != NULL && program->NeedsInstaller) {
        printf("run it: (cd '%s' && ntbox run -- ./%s)\n", Make->OutFolder,
               program->Output + strlen(Make->OutFolder) + 1);
    } else {
        printf("run it: ntbox run '%s%s' -- '%s%s'\n", slash, driver->Output,
               program != NULL ? slash : "", program != NULL ? program->Output : "PROGRAM");
    }
}

/* ---- JSON ---- */

static void
PrintString(const char *Text)
{
    putchar('"');
    for (; *Text != '\0'; Text++) {
        if (*Text == '"' || *Text == '\\') {
            putchar('\\');
            putchar(*Text);
        } else if ((unsigned char)*Text < ' ') {
            printf("\\u%04x", (unsigned)(unsigned char)*Text);
        } else {
            putchar(*Text);
        }
    }
    putchar('"');
}

static void
PrintMember(const char *Name, const char *Value)
{
    printf("\"%s\": ", Name);
    if (Value != NULL) {
        PrintString(Value);
    } else {
        fputs("null", stdout);
    }
    fputs(", ", stdout);
}

static void
PrintList(const char *Name, const CLI_LIST *List, const char *Behind)
{
    printf("\"%s\": [", Name);
    for (size_t i = 0; i < List->Count; i++) {
        fputs(i != 0 ? ", " : "", stdout);
        PrintString(List->Items[i]);
    }
    printf("]%s", Behind);
}

static void
PrintJson(const CLI_MAKE *Make, const CLI_UNIT *Units, size_t Count, int Code)
{
    printf("{");
    PrintMember("output", Make->OutFolder);
    printf("\"exit\": %d, \"projects\": [", Code);
    for (size_t i = 0; i < Count; i++) {
        const CLI_UNIT *unit = &Units[i];
        const CLI_PROJECT *project = unit->Project;
        const char *status = StatusOf(Make, unit);
        int isThere = strcmp(status, "built") == 0 || strcmp(status, "current") == 0;

        printf("%s\n  {", i != 0 ? "," : "");
        PrintMember("name", project->Name);
        PrintMember("file", project->File);
        PrintMember("kind", KindOf(project));
        PrintMember("configuration", project->Configuration);
        PrintMember("status", status);
        PrintMember("output", isThere ? unit->Output : NULL);
        PrintMember("refusal", project->Refusal);
        printf("\"sources\": %zu, \"compiled\": %zu, ", project->SourceCount, unit->Compiled);
        PrintList("unknown", &unit->Needs.Unknown, ", ");
        PrintList("stubs", &unit->Needs.Stubs, ", ");
        PrintList("partial", &unit->Needs.Partial, ", ");
        PrintList("notes", &project->Notes, ", ");
        PrintList("errors", &project->Errors, "}");
    }
    puts("\n]}");
}

void
CliPrintSummary(const CLI_MAKE *Make, const CLI_UNIT *Units, size_t Count, int Code)
{
    for (size_t i = 0; i < Count; i++) {
        PrintUnit(Make, &Units[i]);
    }
    if (Make->Json) {
        PrintJson(Make, Units, Count, Code);
    } else if (Code == 0 && !Make->Check) {
        PrintHint(Make, Units, Count);
    }
}
