#include "hook/say.h"

#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

void hook_say(const char *format, ...)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    va_list args;
    nvb_str_add(&s, "nvbind-hook: ");
    va_start(args, format);
    nvb_str_addv(&s, format, args);
    va_end(args);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f)
            s.data[i] = '?';
    nvb_str_addc(&s, '\n');
    /* Nobody is left to be told when this fails. */
    (void)nvb_write_all(STDERR_FILENO, s.data, s.len);
}
