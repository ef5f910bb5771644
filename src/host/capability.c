#include <string.h>

#include "base/nearest.h"
#include "host/host.h"

/* In the order in which they are written; nvb_nearest() wants the names alone. */
static const char *const names[] = {
    "compute", "compat32", "graphics", "utility", "video", "display", "ngx", "all", NULL,
};
static const unsigned bits[] = {
    NVB_CAP_COMPUTE, NVB_CAP_COMPAT32, NVB_CAP_GRAPHICS, NVB_CAP_UTILITY,
    NVB_CAP_VIDEO,   NVB_CAP_DISPLAY,  NVB_CAP_NGX,      NVB_CAP_ALL,
};

static int unknown_word(const char *word, struct nvb_error **err)
{
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a driver capability", word);
    const char *near = nvb_nearest(word, names);
    if (near)
        return nvb_error_hint(err, "did you mean '%s'?", near);
    return nvb_error_hint(err, "capabilities are compute, compat32, graphics, utility, video, "
                               "display, ngx and all, with commas between them");
}

int nvb_capabilities_parse(const char *text, unsigned *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, text, ',');

    unsigned set = 0;
    for (size_t i = 0; i < words.count; i++) {
        size_t n = 0;
        while (names[n] && strcmp(names[n], words.items[i]) != 0)
            n++;
        if (!names[n])
            return unknown_word(words.items[i], err);
        set |= bits[n];
    }
    *ret = set;
    return 0;
}

void nvb_capabilities_format(unsigned capabilities, struct nvb_str *ret)
{
    if ((capabilities & NVB_CAP_ALL) == NVB_CAP_ALL) {
        nvb_str_add(ret, "all");
        return;
    }
    const char *comma = "";
    for (size_t i = 0; bits[i] != NVB_CAP_ALL; i++) {
        if (!(capabilities & bits[i]))
            continue;
        nvb_str_addf(ret, "%s%s", comma, names[i]);
        comma = ",";
    }
}
