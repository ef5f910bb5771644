/* nvbind doctor --unit FILE */

#include <stdio.h>

#include "base/file.h"
#include "cli/doctor.h"
#include "doctor/unit.h"
#include "host/user.h"

extern char **environ;

#define UNIT_MAX ((size_t)1 << 20)

static void print_remarks(const struct nvb_cli *cli, const char *file,
                          const struct nvb_unit_remarks *remarks)
{
    _cleanup_notes_ struct nvb_notes notes = {0};
    nvb_vec_foreach (remark, remarks)
        nvb_notes_add(&notes, NVB_NOTE_WARNING, "%s:%u: %s", file, remark->line, remark->text);
    nvb_cli_print_notes(cli, &notes);
}

int nvb_doctor_unit(const struct nvb_cli *cli, const char *file)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str corrected = NVB_STR_INIT;
    _cleanup_(nvb_unit_remarks_done) struct nvb_unit_remarks remarks = {0};
    int r = nvb_file_read_path(file, UNIT_MAX, &text, &err);
    if (r > 0)
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "there is no file '%s'", file);
    if (r != 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    _cleanup_user_ struct nvb_user user = {0};
    nvb_user_read(environ, &user);
    r = nvb_unit_correct(text.data, file, user.home ? user.home : "", &corrected, &remarks, &err);
    if (r < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    print_remarks(cli, file, &remarks);
    int status = nvb_cli_print(cli, corrected.data, corrected.len);
    return status != NVB_EXIT_OK ? status : r > 0 ? NVB_EXIT_FOUND : NVB_EXIT_OK;
}
