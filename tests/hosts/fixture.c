#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"
#include "lay.h"
#include "scratch.h"

int nvb_fixture_set_up(void **state)
{
    struct fixture *f = nvb_calloc(1, sizeof(*f));
    f->tree = nvb_scratch_make();
    *state = f;
    return 0;
}

int nvb_fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    nvb_driver_done(&f->driver);
    nvb_notes_done(&f->notes);
    nvb_scratch_remove(f->tree);
    free(f);
    return 0;
}

void lay(const struct fixture *f, const char *lines)
{
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_lay_lines(lines, f->tree, &error) < 0)
        fail_msg("line %u: %s", error->line, error->message);
}

void lay_module(const struct fixture *f)
{
    lay(f, "folder /proc/driver/nvidia\n");
    _cleanup_free_ char *path = nvb_strdupf("%s/proc/driver/nvidia/version", f->tree);
    static const char text[] = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " V "  Tue\n";
    assert_int_equal(nvb_file_write(path, text, sizeof(text) - 1, 0644, NULL), 0);
}

void find_in(struct fixture *f, unsigned capabilities, const char *folder)
{
    nvb_driver_done(&f->driver);
    nvb_notes_done(&f->notes);
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    struct nvb_host_options options = {.host_root = f->tree};
    _cleanup_strv_ struct nvb_strv folders = {0};
    if (folder)
        nvb_strv_add(&folders, folder);
    struct nvb_driver_query query = {.capabilities = capabilities,
                                     .library_folders = folder ? &folders : NULL};
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_host_open(&options, &host, NULL), 0);
    if (nvb_host_find_driver(&host, &query, &f->driver, &f->notes, &error) < 0)
        fail_msg("%s", error->message);
}

void find(struct fixture *f)
{
    find_in(f, NVB_CAP_ALL, NULL);
}

const struct nvb_driver_file *file_at(const struct fixture *f, const char *path)
{
    nvb_vec_foreach (file, &f->driver.files)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

void assert_library(const struct fixture *f, const char *path, const char *soname)
{
    const struct nvb_driver_file *file = file_at(f, path);
    if (!file)
        fail_msg("%s was not found", path);
    assert_int_equal(file->kind, NVB_FILE_LIBRARY);
    assert_string_equal(file->soname, soname);
}

bool has_note(const struct fixture *f, const char *one, const char *two)
{
    nvb_vec_foreach (note, &f->notes)
        if (strstr(note->text, one) && strstr(note->text, two))
            return true;
    return false;
}
