/* SPDX-License-Identifier: MIT
 *
 * cli/project/msbuild.c - evaluates an MSBuild document: what its properties, definitions and items
 * are
 *
 * As MSBuild does it, in three walks: properties and imports, item definitions, items. So the
 * condition of an item sees the final properties, wherever they are set. Microsoft's own files
 * ($(VCTargetsPath)\...) are not read: what they would define is in vcxproj.c, and their names
 * begin with "ntbox:". Targets are not run.
 *
 * Invariants  M1  A file is imported once: a second import, and one that goes in circles, is a
 * note.
 */
#include "cli/project/project.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ITEM_LIMIT 20000u

typedef void CLI_WALK(CLI_EVALUATION *Evaluation, CLI_XML *Node);

static void ImportFile(CLI_EVALUATION *Evaluation, CLI_XML *Node, const char *Path);
static void WalkProperties(CLI_EVALUATION *Evaluation, CLI_XML *Parent);

static int
Is(const CLI_XML *Node, const char *Name)
{
    return strcmp(Node->Name, Name) == 0;
}

/* The node's condition; texts in the node are about its place from here on. */
static int
Holds(CLI_EVALUATION *Evaluation, const CLI_XML *Node)
{
    Evaluation->File = Node->File;
    Evaluation->Line = Node->Line;
    return CliCondition(Evaluation, CliAttribute(Node, "Condition"));
}

static char *
ExpandText(CLI_EVALUATION *Evaluation, const CLI_XML *Node)
{
    const char *text = Node->Text;
    size_t length;

    text += strspn(text, " \t\r\n");
    length = strlen(text);
    while (length != 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        length--;
    }
    return CliExpand(Evaluation, CliFormat("%.*s", (int)length, text));
}

/* ---- the file that is being read ---- */

static void
EnterFile(CLI_EVALUATION *Evaluation, const char *Path)
{
    const char *base = CliBaseName(Path);
    const char *dot = strrchr(base, '.');
    CLI_TABLE *properties = &Evaluation->Properties;

    CliSet(properties, "MSBuildThisFile", base);
    Path = Evaluation->Files->Absolute(Path);
    CliSet(properties, "MSBuildThisFileFullPath", Path);
    CliSet(properties, "MSBuildThisFileDirectory", CliFormat("%s/", CliFolderOf(Path)));
    CliSet(properties, "MSBuildThisFileName",
           CliFormat("%.*s", dot != NULL ? (int)(dot - base) : (int)strlen(base), base));
    CliSet(properties, "MSBuildThisFileExtension", dot != NULL ? dot : "");
}

/* Walks what Import brought, as a file of its own. */
static void
WalkImported(CLI_EVALUATION *Evaluation, CLI_XML *Import, CLI_WALK *Walk)
{
    const char *outer = CliGet(&Evaluation->Properties, "MSBuildThisFileFullPath");

    if (Import->Imported == NULL) {
        return;
    }
    EnterFile(Evaluation, Import->Imported->File);
    Walk(Evaluation, Import->Imported);
    EnterFile(Evaluation, outer);
}

/* ---- properties and imports ---- */

static void
SetProperties(CLI_EVALUATION *Evaluation, CLI_XML *Group)
{
    for (CLI_XML *node = Group->First; node != NULL; node = node->Next) {
        if (Holds(Evaluation, node)) {
            CliSet(&Evaluation->Properties, node->Name, ExpandText(Evaluation, node));
        }
    }
}

/* Directory.Build.props and .targets: the nearest one above the project. */
static void
ImportDirectoryFile(CLI_EVALUATION *Evaluation, CLI_XML *Node, const char *Name)
{
    char *folder = CliFormat("%s", Evaluation->Root);

    for (unsigned i = 0; i < CLI_DEPTH_LIMIT; i++) {
        char *path = Evaluation->Files->Find(folder, Name);

        if (path != NULL) {
            ImportFile(Evaluation, Node, path);
            return;
        }
        folder = CliFormat("%s/..", folder);
    }
}

/* A file of the toolset: what of it is the user's to change. */
static void
ImportOfToolset(CLI_EVALUATION *Evaluation, CLI_XML *Node, const char *Path)
{
    if (CliHasEnding(Path, "Microsoft.Cpp.Default.props")) {
        ImportDirectoryFile(Evaluation, Node, "Directory.Build.props");
    } else if (CliHasEnding(Path, "Microsoft.Cpp.targets")) {
        ImportDirectoryFile(Evaluation, Node, "Directory.Build.targets");
    }
}

static int
ListHas(const CLI_LIST *List, const char *Item)
{
    for (size_t i = 0; i < List->Count; i++) {
        if (strcmp(List->Items[i], Item) == 0) {
            return 1;
        }
    }
    return 0;
}

static void
ImportFile(CLI_EVALUATION *Evaluation, CLI_XML *Node, const char *Path)
{
    char *path = CliTidyPath(Path);
    size_t size = 0;
    char *error;
    char *text;

    if (ListHas(&Evaluation->Imported, path)) {
        CliNote(Evaluation->Project, "%s:%d: %s is imported %s; only the first import counts",
                Node->File, Node->Line, path,
                ListHas(&Evaluation->Open, path) ? "in a circle" : "again");
        return;
    }
    if (Evaluation->Imported.Count >= CLI_FILE_LIMIT || Evaluation->Open.Count >= CLI_DEPTH_LIMIT) {
        CliProjectError(Evaluation->Project, "%s:%d: too many imports", Node->File, Node->Line);
        return;
    }
    text = Evaluation->Files->Read(path, &size);
    if (text == NULL) {
        CliProjectError(Evaluation->Project, "%s:%d: import of %s: it cannot be read", Node->File,
                        Node->Line, path);
        return;
    }
    CliAppend(&Evaluation->Imported, path);
    Node->Imported = CliParseXml(path, text, size, &error);
    if (Node->Imported == NULL) {
        CliProjectError(Evaluation->Project, "%s", error);
        return;
    }
    CliAppend(&Evaluation->Open, path);
    WalkImported(Evaluation, Node, WalkProperties);
    Evaluation->Open.Items[--Evaluation->Open.Count] = NULL;
}

static void
Import(CLI_EVALUATION *Evaluation, CLI_XML *Node)
{
    const char *name = CliAttribute(Node, "Project");
    char *written;
    char *path;

    if (!Holds(Evaluation, Node)) {
        return;
    }
    if (CliAttribute(Node, "Sdk") != NULL) {
        CliNote(Evaluation->Project, "%s:%d: the SDK %s is not known here", Node->File, Node->Line,
                CliAttribute(Node, "Sdk"));
        return;
    }
    written = CliUnescape(CliExpand(Evaluation, name != NULL ? name : ""));
    if (strncmp(written, "ntbox:", 6) == 0) {
        ImportOfToolset(Evaluation, Node, written);
        return;
    }
    path = written[0] != '\0' && strpbrk(written, "*?") == NULL
               ? Evaluation->Files->Find(CliFolderOf(Node->File), written)
               : NULL;
    if (path != NULL) {
        ImportFile(Evaluation, Node, path);
    } else if (strpbrk(written, "*?") == NULL) {
        CliProjectError(Evaluation->Project, "%s:%d: import of '%s': no such file", Node->File,
                        Node->Line, name != NULL ? name : "");
    }
}

/* Marks the first When that holds, or else the Otherwise. */
static void
Choose(CLI_EVALUATION *Evaluation, CLI_XML *Node)
{
    for (CLI_XML *branch = Node->First; branch != NULL; branch = branch->Next) {
        if (Is(branch, "Otherwise") || (Is(branch, "When") && Holds(Evaluation, branch))) {
            branch->IsTaken = 1;
            WalkProperties(Evaluation, branch);
            return;
        }
    }
}

static void
WalkProperties(CLI_EVALUATION *Evaluation, CLI_XML *Parent)
{
    for (CLI_XML *node = Parent->First; node != NULL; node = node->Next) {
        if (Is(node, "Import")) {
            Import(Evaluation, node);
        } else if (Is(node, "Choose")) {
            Choose(Evaluation, node);
        } else if (Is(node, "PropertyGroup") && Holds(Evaluation, node)) {
            SetProperties(Evaluation, node);
        } else if (Is(node, "ImportGroup") && Holds(Evaluation, node)) {
            node->IsTaken = 1;
            WalkProperties(Evaluation, node);
        } else if (Is(node, "Target")) {
            CliNote(Evaluation->Project, "%s:%d: build target %s is not run", node->File,
                    node->Line,
                    CliAttribute(node, "Name") != NULL ? CliAttribute(node, "Name") : "?");
        }
    }
}

/* ---- the later walks ---- */

/* Calls Group for every group of that Name, in imported files and chosen branches too. */
static void
WalkGroups(CLI_EVALUATION *Evaluation, CLI_XML *Parent, const char *Name, CLI_WALK *Walk,
           CLI_WALK *Group)
{
    for (CLI_XML *node = Parent->First; node != NULL; node = node->Next) {
        if (Is(node, "Import")) {
            WalkImported(Evaluation, node, Walk);
        } else if (Is(node, "Choose")) {
            for (CLI_XML *branch = node->First; branch != NULL; branch = branch->Next) {
                if (branch->IsTaken) {
                    Walk(Evaluation, branch);
                }
            }
        } else if (Is(node, "ImportGroup") && node->IsTaken) {
            Walk(Evaluation, node);
        } else if (Is(node, Name) && Holds(Evaluation, node)) {
            Group(Evaluation, node);
        }
    }
}

static CLI_TABLE *
FindDefinitions(const CLI_EVALUATION *Evaluation, const char *Type)
{
    for (size_t i = 0; i < Evaluation->DefinitionCount; i++) {
        if (strcasecmp(Evaluation->DefinitionTypes[i], Type) == 0) {
            return &Evaluation->Definitions[i];
        }
    }
    return NULL;
}

static CLI_TABLE *
MakeDefinitions(CLI_EVALUATION *Evaluation, const char *Type)
{
    CLI_TABLE *found = FindDefinitions(Evaluation, Type);
    size_t count = Evaluation->DefinitionCount;

    if (found != NULL) {
        return found;
    }
    if (count % 16 == 0) {
        CLI_TABLE *tables = CliAllocate((count + 16) * sizeof(*tables));
        const char **types = CliAllocate((count + 16) * sizeof(*types));

        if (count != 0) {
            memcpy(tables, Evaluation->Definitions, count * sizeof(*tables));
            memcpy(types, Evaluation->DefinitionTypes, count * sizeof(*types));
        }
        Evaluation->Definitions = tables;
        Evaluation->DefinitionTypes = types;
    }
    Evaluation->DefinitionTypes[count] = Type;
    Evaluation->DefinitionCount++;
    return &Evaluation->Definitions[count];
}

const char *
CliDefinition(const CLI_EVALUATION *Evaluation, const char *Type, const char *Name)
{
    const CLI_TABLE *table = FindDefinitions(Evaluation, Type);

    return table != NULL ? CliGet(table, Name) : NULL;
}

/* Metadata elements below Node into Table; what they say of %(Name) is what the table says. */
static void
SetMetadata(CLI_EVALUATION *Evaluation, const CLI_XML *Node, CLI_TABLE *Table, const CLI_ITEM *Item)
{
    Evaluation->Metadata = Table;
    Evaluation->Item = Item;
    for (CLI_XML *node = Node->First; node != NULL; node = node->Next) {
        if (Holds(Evaluation, node)) {
            CliSet(Table, node->Name, ExpandText(Evaluation, node));
        }
    }
    Evaluation->Metadata = NULL;
    Evaluation->Item = NULL;
}

static void
DefineGroup(CLI_EVALUATION *Evaluation, CLI_XML *Group)
{
    for (CLI_XML *node = Group->First; node != NULL; node = node->Next) {
        if (Holds(Evaluation, node)) {
            SetMetadata(Evaluation, node, MakeDefinitions(Evaluation, node->Name), NULL);
        }
    }
}

static void
WalkDefinitions(CLI_EVALUATION *Evaluation, CLI_XML *Parent)
{
    WalkGroups(Evaluation, Parent, "ItemDefinitionGroup", WalkDefinitions, DefineGroup);
}

/* ---- items ---- */

static char *
Slashes(const char *Text)
{
    char *text = CliFormat("%s", Text);

    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\\') {
            *at = '/';
        }
    }
    return text;
}

static int
Matches(const char *Pattern, const char *Name)
{
    return fnmatch(Slashes(Pattern), Slashes(Name), FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

/* Files below Folder (written Prefix) whose names match; with Deep in all folders below, too. */
static void
ListMatching(CLI_EVALUATION *Evaluation, const char *Prefix, const char *Pattern, unsigned Deep,
             CLI_LIST *Found)
{
    char *folder = Evaluation->Files->Find(Evaluation->Root, Prefix[0] != '\0' ? Prefix : ".");
    CLI_LIST names = {0};

    if (folder == NULL) {
        return;
    }
    Evaluation->Files->List(folder, &names);
    for (size_t i = 0; i < names.Count && Found->Count < ITEM_LIMIT; i++) {
        char *name = names.Items[i];
        size_t length = strlen(name);

        if (length != 0 && name[length - 1] == '/') {
            if (Deep != 0 && name[0] != '.' && strcmp(name, "ntbox-build/") != 0) {
                ListMatching(Evaluation, CliFormat("%s%s", Prefix, name), Pattern, Deep - 1, Found);
            }
        } else if (fnmatch(Pattern, name, FNM_CASEFOLD | FNM_NOESCAPE) == 0) {
            CliAppend(Found, CliFormat("%s%s", Prefix, name));
        }
    }
}

/* A wildcard: FOLDER\PATTERN or FOLDER\**\PATTERN. */
static void
ExpandWildcard(CLI_EVALUATION *Evaluation, const char *Text, CLI_LIST *Found)
{
    char *text = Slashes(Text);
    char *slash = strrchr(text, '/');
    const char *pattern = slash != NULL ? slash + 1 : text;
    char *prefix = CliFormat("%.*s", (int)(pattern - text), text);
    char *deep = strstr(prefix, "**/");

    if (deep != NULL) {
        *deep = '\0';
    }
    if (strpbrk(prefix, "*?") != NULL || (deep != NULL && deep[3] != '\0')) {
        CliNote(Evaluation->Project, "%s:%d: wildcard '%s' is not followed", Evaluation->File,
                Evaluation->Line, Text);
        return;
    }
    ListMatching(Evaluation, prefix, pattern, deep != NULL ? 16 : 0, Found);
}

static void
AddItem(CLI_EVALUATION *Evaluation, const CLI_XML *Node, const char *Include)
{
    const CLI_TABLE *definitions = FindDefinitions(Evaluation, Node->Name);
    CLI_ITEM *item;

    if (Evaluation->ItemCount >= ITEM_LIMIT) {
        CliProjectError(Evaluation->Project, "%s:%d: too many items", Node->File, Node->Line);
        return;
    }
    if (Evaluation->ItemCount == Evaluation->ItemSize) {
        CLI_ITEM **items;

        Evaluation->ItemSize = Evaluation->ItemSize != 0 ? Evaluation->ItemSize * 2 : 64;
        items = CliAllocate(Evaluation->ItemSize * sizeof(CLI_ITEM *));
        if (Evaluation->ItemCount != 0) {
            memcpy(items, Evaluation->Items, Evaluation->ItemCount * sizeof(CLI_ITEM *));
        }
        Evaluation->Items = items;
    }
    item = CliAllocate(sizeof(*item));
    item->Type = Node->Name;
    item->Include = Include;
    item->File = Node->File;
    item->Line = Node->Line;
    for (size_t i = 0; definitions != NULL && i < definitions->Count; i++) {
        CliSet(&item->Metadata, definitions->Rows[i].Name, definitions->Rows[i].Text);
    }
    Evaluation->Items[Evaluation->ItemCount++] = item;
    SetMetadata(Evaluation, Node, &item->Metadata, item);
}

static int
IsExcluded(const CLI_LIST *Excluded, const char *Include)
{
    for (size_t i = 0; i < Excluded->Count; i++) {
        if (Matches(Excluded->Items[i], Include)) {
            return 1;
        }
    }
    return 0;
}

static void
IncludeItems(CLI_EVALUATION *Evaluation, const CLI_XML *Node, const char *Include)
{
    const char *exclude = CliAttribute(Node, "Exclude");
    CLI_LIST names = {0};
    CLI_LIST excluded = {0};

    CliSplitList(CliExpand(Evaluation, Include), &names);
    CliSplitList(CliExpand(Evaluation, exclude != NULL ? exclude : ""), &excluded);
    for (size_t i = 0; i < names.Count; i++) {
        CLI_LIST found = {0};

        if (strpbrk(names.Items[i], "*?") != NULL) {
            ExpandWildcard(Evaluation, names.Items[i], &found);
        } else {
            CliAppend(&found, names.Items[i]);
        }
        for (size_t k = 0; k < found.Count; k++) {
            if (!IsExcluded(&excluded, found.Items[k])) {
                AddItem(Evaluation, Node, found.Items[k]);
            }
        }
    }
}

/* Update and Remove: of the items so far whose names match. */
static void
ChangeItems(CLI_EVALUATION *Evaluation, const CLI_XML *Node, const char *Which, int Remove)
{
    CLI_LIST names = {0};
    size_t kept = 0;

    CliSplitList(CliExpand(Evaluation, Which), &names);
    for (size_t i = 0; i < Evaluation->ItemCount; i++) {
        CLI_ITEM *item = Evaluation->Items[i];
        int matches = strcasecmp(item->Type, Node->Name) == 0 && IsExcluded(&names, item->Include);

        if (matches && !Remove) {
            SetMetadata(Evaluation, Node, &item->Metadata, item);
        }
        if (!matches || !Remove) {
            Evaluation->Items[kept++] = item;
        }
    }
    Evaluation->ItemCount = kept;
}

static void
ItemGroup(CLI_EVALUATION *Evaluation, CLI_XML *Group)
{
    for (CLI_XML *node = Group->First; node != NULL; node = node->Next) {
        const char *include = CliAttribute(node, "Include");
        const char *update = CliAttribute(node, "Update");
        const char *remove = CliAttribute(node, "Remove");

        if (!Holds(Evaluation, node)) {
            continue;
        }
        if (include != NULL) {
            IncludeItems(Evaluation, node, include);
        } else if (update != NULL) {
            ChangeItems(Evaluation, node, update, 0);
        } else if (remove != NULL) {
            ChangeItems(Evaluation, node, remove, 1);
        }
    }
}

static void
WalkItems(CLI_EVALUATION *Evaluation, CLI_XML *Parent)
{
    WalkGroups(Evaluation, Parent, "ItemGroup", WalkItems, ItemGroup);
}

void
CliEvaluate(CLI_EVALUATION *Evaluation, CLI_XML *Document)
{
    Evaluation->File = Document->File;
    CliAppend(&Evaluation->Open, CliTidyPath(Document->File));
    CliAppend(&Evaluation->Imported, CliTidyPath(Document->File));
    EnterFile(Evaluation, Document->File);
    WalkProperties(Evaluation, Document);
    WalkDefinitions(Evaluation, Document);
    WalkItems(Evaluation, Document);
}
