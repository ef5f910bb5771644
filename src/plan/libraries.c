/* Libraries that the configuration brings beside the driver's. */
#include "host/extra_library.h"
#include "plan/state.h"

void nvb_plan_done_libraries(struct nvb_driver_files *libraries)
{
    nvb_vec_foreach (file, libraries) {
        free(file->path);
        free(file->soname);
    }
    nvb_vec_release(libraries);
}

int nvb_plan_find_libraries(struct nvb_plan_state *s, struct nvb_error **err)
{
    if (!s->input->defaults)
        return 0;
    nvb_vec_foreach (library, &s->input->defaults->libraries) {
        struct nvb_driver_file file = {0};
        if (nvb_host_find_library(&s->host, library->text, &file, err) < 0) {
            (void)nvb_error_prefix(err, "additional_libraries");
            return nvb_error_at(err, library->place.file, library->place.line,
                                library->place.column);
        }
        nvb_vec_push(&s->libraries, file);
    }
    return 0;
}
