#include "writer/writer.h"

void nvb_writer_shell(const struct nvb_exec *exec, struct nvb_str *ret)
{
    if (exec->hidden.count + exec->added.count > 0)
        nvb_str_add(ret, "env ");
    for (size_t i = 0; i < exec->hidden.count; i++) {
        nvb_str_add(ret, "-u ");
        nvb_str_add_shell(ret, exec->hidden.items[i]);
        nvb_str_addc(ret, ' ');
    }
    for (size_t i = 0; i < exec->added.count; i++) {
        nvb_str_add_shell(ret, exec->added.items[i]);
        nvb_str_addc(ret, ' ');
    }
    for (size_t i = 0; i < exec->argv.count; i++) {
        if (i > 0)
            nvb_str_addc(ret, ' ');
        nvb_str_add_shell(ret, exec->argv.items[i]);
    }
    nvb_str_addc(ret, '\n');
}
