/* SPDX-License-Identifier: MIT
 *
 * cli/project/solution.c - which projects a solution has, and in which of their configurations each
 * is built: .sln (lines) and .slnx (XML)
 *
 * Source  Microsoft's documentation, "Solution (.sln) file"; the schema of .slnx in
 *         microsoft/vs-solutionpersistence.
 */
#include "cli/project/project.h"

#include <string.h>
#include <strings.h>

/* Adds a project; NULL: it is none of ours, or there already. */
static CLI_MEMBER *
AddMember(const CLI_FILES *Files, const char *File, const char *Name, CLI_SOLUTION *Solution)
{
    CLI_MEMBER *member;
    char *path;

    if (!CliHasEnding(Name, ".vcxproj")) {
        CliAppend(&Solution->Notes,
                  CliFormat("%s: %s is no C or C++ project; it is left out", File, Name));
        return NULL;
    }
    path = Files->Find(CliFolderOf(File), Name);
    if (path == NULL) {
        /* Reading it will say that it is not there. */
        path = CliJoinPath(CliFolderOf(File), Name);
    }
    for (size_t i = 0; i < Solution->Count; i++) {
        if (strcmp(Solution->Members[i].Path, path) == 0) {
            return NULL;
        }
    }
    if (Solution->Members == NULL) {
        Solution->Members = CliAllocate(CLI_FILE_LIMIT * sizeof(*Solution->Members));
    }
    if (Solution->Count == CLI_FILE_LIMIT) {
        return NULL;
    }
    member = &Solution->Members[Solution->Count++];
    member->Path = path;
    return member;
}

/* Of the solution's configurations the one that is meant; 0 with *Error: there is none. */
static int
ChooseFrom(const CLI_LIST *List, const char *File, const CLI_CHOICE *Choice, CLI_SOLUTION *Solution,
           char **Error)
{
    if (List->Count == 0) {
        return 1;
    }
    Solution->Configuration = CliChooseConfiguration(List, Choice);
    if (Solution->Configuration == NULL) {
        *Error =
            CliFormat("%s: no configuration %s|%s; it has: %s", File,
                      Choice->Configuration != NULL ? Choice->Configuration : "Debug",
                      Choice->Platform != NULL ? Choice->Platform : "x64", CliJoin(List, ", "));
        return 0;
    }
    return 1;
}

/* Text is NAME|PLATFORM. */
static void
SetConfiguration(CLI_MEMBER *Member, const char *Text)
{
    const char *bar = strchr(Text, '|');

    if (bar != NULL) {
        Member->Configuration = CliFormat("%.*s", (int)(bar - Text), Text);
        Member->Platform = CliFormat("%s", bar + 1);
    }
}

/* ---- .sln ---- */

typedef struct CLI_SECTIONS {
    CLI_LIST Configurations; /* of the solution */
    CLI_LIST Names;          /* {ID}.NAME|PLATFORM.ActiveCfg or .Build.0 */
    CLI_LIST Values;         /* NAME|PLATFORM of the project, one a name */
    int Which;               /* the section that is being read */
} CLI_SECTIONS;

enum { SectionNone, SectionConfigurations, SectionProjects };

/* The Which-th text in quotes of a line, from 0; NULL: there are not so many. */
static char *
QuotedText(const char *Line, unsigned Which)
{
    const char *end;

    for (;; Which--) {
        Line = strchr(Line, '"');
        end = Line != NULL ? strchr(Line + 1, '"') : NULL;
        if (end == NULL) {
            return NULL;
        }
        if (Which == 0) {
            return CliFormat("%.*s", (int)(end - Line - 1), Line + 1);
        }
        Line = end + 1;
    }
}

/* Project("{TYPE}") = "NAME", "FILE", "{ID}" */
static void
ReadProjectLine(const CLI_FILES *Files, const char *Path, const char *Line, CLI_SOLUTION *Solution)
{
    static const char folderType[] = "{2150E333-8FDC-42A3-9474-1A3956D46DE8}";
    char *type = QuotedText(Line, 0);
    char *name = QuotedText(Line, 2);
    CLI_MEMBER *member;

    if (type != NULL && name != NULL && strcasecmp(type, folderType) != 0) {
        member = AddMember(Files, Path, name, Solution);
        if (member != NULL) {
            member->Id = QuotedText(Line, 3);
        }
    }
}

/* NAME = VALUE of a section */
static void
ReadSectionLine(char *Line, CLI_SECTIONS *Sections)
{
    char *equals = strchr(Line, '=');
    char *end;

    if (equals == NULL || Sections->Names.Count >= 64 * CLI_FILE_LIMIT) {
        return;
    }
    for (end = equals; end > Line && (end[-1] == ' ' || end[-1] == '\t'); end--) {
    }
    *end = '\0';
    equals++;
    equals += strspn(equals, " \t");
    for (end = equals + strlen(equals); end > equals && strchr(" \t\r", end[-1]) != NULL; end--) {
    }
    *end = '\0';
    if (Sections->Which == SectionProjects) {
        CliAppend(&Sections->Names, Line);
        CliAppend(&Sections->Values, equals);
    } else if (strchr(Line, '|') != NULL) {
        CliAppend(&Sections->Configurations, Line);
    }
}

static void
ReadLine(const CLI_FILES *Files, const char *Path, char *Line, CLI_SECTIONS *Sections,
         CLI_SOLUTION *Solution)
{
    static const char global[] = "GlobalSection(";

    if (strncmp(Line, "Project(", 8) == 0) {
        ReadProjectLine(Files, Path, Line, Solution);
    } else if (strncmp(Line, global, sizeof(global) - 1) == 0) {
        const char *name = Line + sizeof(global) - 1;

        Sections->Which =
            strncasecmp(name, "SolutionConfigurationPlatforms)", 31) == 0  ? SectionConfigurations
            : strncasecmp(name, "ProjectConfigurationPlatforms)", 30) == 0 ? SectionProjects
                                                                           : SectionNone;
    } else if (strncmp(Line, "EndGlobalSection", 16) == 0) {
        Sections->Which = SectionNone;
    } else if (Sections->Which != SectionNone) {
        ReadSectionLine(Line, Sections);
    }
}

/* What the solution says of a member: {ID}.CONFIGURATION.WHAT; NULL: nothing. */
static const char *
FindValue(const CLI_SECTIONS *Sections, const char *Id, const char *Configuration, const char *What)
{
    char *wanted = CliFormat("%s.%s.%s", Id, Configuration, What);

    for (size_t i = 0; i < Sections->Names.Count; i++) {
        if (strcasecmp(Sections->Names.Items[i], wanted) == 0) {
            return Sections->Values.Items[i];
        }
    }
    return NULL;
}

static void
ReadLines(const CLI_FILES *Files, const char *Path, char *Text, const CLI_CHOICE *Choice,
          CLI_SOLUTION *Solution, char **Error)
{
    CLI_SECTIONS sections = {0};
    char *next;

    for (char *line = Text; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        ReadLine(Files, Path, line + strspn(line, " \t"), &sections, Solution);
    }
    if (!ChooseFrom(&sections.Configurations, Path, Choice, Solution, Error) ||
        Solution->Configuration == NULL) {
        return;
    }
    for (size_t i = 0; i < Solution->Count; i++) {
        CLI_MEMBER *member = &Solution->Members[i];
        const char *active = member->Id != NULL ? FindValue(&sections, member->Id,
                                                            Solution->Configuration, "ActiveCfg")
                                                : NULL;

        if (active != NULL) {
            SetConfiguration(member, active);
            member->IsLeftOut =
                FindValue(&sections, member->Id, Solution->Configuration, "Build.0") == NULL;
        }
    }
}

/* ---- .slnx ---- */

/* BUILDTYPE|PLATFORM for all of both that <Configurations> has. */
static void
ListElements(const CLI_XML *Root, CLI_LIST *List)
{
    CLI_LIST types = {0};
    CLI_LIST platforms = {0};

    for (const CLI_XML *node = Root->First; node != NULL; node = node->Next) {
        if (strcmp(node->Name, "Configurations") != 0) {
            continue;
        }
        for (const CLI_XML *item = node->First; item != NULL; item = item->Next) {
            const char *name = CliAttribute(item, "Name");

            if (name != NULL && strcmp(item->Name, "BuildType") == 0) {
                CliAppend(&types, name);
            } else if (name != NULL && strcmp(item->Name, "Platform") == 0) {
                CliAppend(&platforms, name);
            }
        }
    }
    if (types.Count == 0 && platforms.Count != 0) {
        CliAppend(&types, "Debug");
        CliAppend(&types, "Release");
    }
    for (size_t i = 0; i < types.Count; i++) {
        for (size_t k = 0; k < platforms.Count && List->Count < CLI_FILE_LIMIT; k++) {
            CliAppend(List, CliFormat("%s|%s", types.Items[i], platforms.Items[k]));
        }
    }
}

/* Part of Configuration is that of Rule, or Rule has '*' there. */
static int
FitsPart(const char *Rule, size_t RuleLength, const char *Part, size_t Length)
{
    return (RuleLength == 1 && *Rule == '*') ||
           (RuleLength == Length && strncasecmp(Rule, Part, Length) == 0);
}

/* Rule is NAME|PLATFORM, either of them '*'; NULL: every configuration. */
static int
Fits(const char *Rule, const char *Configuration)
{
    size_t name = strcspn(Configuration, "|");
    size_t rule;

    if (Rule == NULL) {
        return 1;
    }
    rule = strcspn(Rule, "|");
    return Rule[rule] == '|' && FitsPart(Rule, rule, Configuration, name) &&
           FitsPart(Rule + rule + 1, strlen(Rule + rule + 1), Configuration + name + 1,
                    strlen(Configuration + name + 1));
}

/* The rules of a <Project>; of those that fit, the last one counts. */
static void
ReadRules(const CLI_XML *Project, const char *Configuration, CLI_MEMBER *Member)
{
    SetConfiguration(Member, Configuration);
    /* What Visual Studio takes of a C++ project when no rule says it. */
    if (strcasecmp(Member->Platform, "x86") == 0) {
        Member->Platform = "Win32";
    } else if (strcasecmp(Member->Platform, "Any CPU") == 0) {
        Member->Platform = NULL;
    }
    for (const CLI_XML *rule = Project->First; rule != NULL; rule = rule->Next) {
        const char *value = CliAttribute(rule, "Project");

        if (value == NULL || !Fits(CliAttribute(rule, "Solution"), Configuration)) {
            continue;
        }
        if (strcmp(rule->Name, "BuildType") == 0) {
            Member->Configuration = value;
        } else if (strcmp(rule->Name, "Platform") == 0) {
            Member->Platform = value;
        } else if (strcmp(rule->Name, "Build") == 0) {
            Member->IsLeftOut = strcasecmp(value, "false") == 0;
        }
    }
}

/* <Project Path="..."/>, in folders or not. */
static void
ReadElements(const CLI_FILES *Files, const char *Path, const CLI_XML *Parent,
             CLI_SOLUTION *Solution)
{
    for (const CLI_XML *node = Parent->First; node != NULL; node = node->Next) {
        const char *name = CliAttribute(node, "Path");

        if (strcmp(node->Name, "Project") == 0 && name != NULL) {
            CLI_MEMBER *member = AddMember(Files, Path, name, Solution);

            if (member != NULL && Solution->Configuration != NULL) {
                ReadRules(node, Solution->Configuration, member);
            }
        } else if (strcmp(node->Name, "Folder") == 0) {
            ReadElements(Files, Path, node, Solution);
        }
    }
}

/* ---- either ---- */

void
CliReadSolution(const CLI_FILES *Files, const char *Path, const CLI_CHOICE *Choice,
                CLI_SOLUTION *Solution, char **Error)
{
    size_t size = 0;
    char *text = Files->Read(Path, &size);
    CLI_LIST list = {0};
    CLI_XML *document;

    *Error = NULL;
    if (text == NULL) {
        *Error = CliFormat("%s: cannot be read", Path);
        return;
    }
    if (CliHasEnding(Path, ".slnx")) {
        document = CliParseXml(Path, text, size, Error);
        if (document != NULL) {
            ListElements(document, &list);
            if (ChooseFrom(&list, Path, Choice, Solution, Error)) {
                ReadElements(Files, Path, document, Solution);
            }
        }
        return;
    }
    if (strstr(text, "Microsoft Visual Studio Solution File") == NULL) {
        *Error = CliFormat("%s: not a Visual Studio solution", Path);
        return;
    }
    ReadLines(Files, Path, text, Choice, Solution, Error);
}
