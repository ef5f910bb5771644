#include "plan/selection.h"

#include <string.h>
#include <strings.h>

#include "plan/claims.h"
#include "plan/visible.h"

#define OWN_KIND "nvidia.com/gpu="
#define FORMS                                                                                    \
    "a selection is all, none, 0, gpu0, 0,2, 0-3, GPU-…, 0000:65:00.0, 0:1 or MIG-… (MIG), " \
    "nvidia.com/gpu=0, count=2"

void nvb_selection_done(struct nvb_selection *selection)
{
    nvb_vec_foreach (item, &selection->items)
        free(item->text);
    nvb_vec_release(&selection->items);
    *selection = (struct nvb_selection){0};
}

/* ---- one word of a list ---- */

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    return len > 0;
}

/* [domain:]bus:device.function in the driver's form, or NULL. nvidia-smi writes eight digits of
 * domain, the kernel four or more. */
static char *read_pci(const char *text)
{
    const char *rest = text;
    const char *domain = "";
    const char *colon = strchr(text, ':');
    size_t domain_len = 0;
    if (colon && strchr(colon + 1, ':')) {
        domain = text;
        domain_len = (size_t)(colon - text);
        rest = colon + 1;
        if (domain_len > 8 || !is_hex(domain, domain_len))
            return NULL;
        while (domain_len > 0 && *domain == '0') {
            domain++;
            domain_len--;
        }
    }
    if (strlen(rest) != 7 || !is_hex(rest, 2) || rest[2] != ':' || !is_hex(rest + 3, 2) ||
        rest[5] != '.' || rest[6] < '0' || rest[6] > '7')
        return NULL;
    size_t pad = domain_len < 4 ? 4 - domain_len : 0;
    char *address = nvb_strdupf("%.*s%.*s:%s", (int)pad, "0000", (int)domain_len, domain, rest);
    for (char *p = address; *p; p++)
        if (*p >= 'A' && *p <= 'F')
            *p = (char)(*p - 'A' + 'a');
    return address;
}

/* INDEX, FIRST-LAST, or G:I, which is MIG, as cdi generate's strategies spell them. Returns 0, or 1
 * when it is none of them. */
static int read_numbers(const char *word, struct nvb_selection_item *ret)
{
    const bool is_mig = nvb_has_prefix(word, "mig");
    const char *text = is_mig || nvb_has_prefix(word, "gpu") ? word + 3 : word;
    size_t len = strspn(text, "0123456789");
    uint64_t first;
    uint64_t last;
    if (nvb_parse_u64(text, len, 10, &first) < 0 || (is_mig && text[len] != ':'))
        return 1;
    last = first;
    if (text[len] != '\0') {
        const char *second = text + len + 1;
        if ((text[len] != '-' && text[len] != ':') ||
            nvb_parse_u64(second, strlen(second), 10, &last) < 0)
            return 1;
    }
    ret->kind = text[len] == ':' ? NVB_ITEM_MIG : NVB_ITEM_INDEX;
    ret->first = first;
    ret->last = last;
    return 0;
}

static int fail_item(const char *text, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a GPU", text);
    return nvb_error_hint(err, FORMS);
}

static int read_item(const char *text, struct nvb_selection_item *ret, struct nvb_error **err)
{
    struct nvb_selection_item item = {0};
    const char *word = text;
    char *pci = NULL;
    if (nvb_has_prefix(text, OWN_KIND))
        word = text + strlen(OWN_KIND);
    if (strcmp(word, "all") == 0) {
        item.kind = NVB_ITEM_ALL;
    } else if (word == text && nvb_claims_is_cdi_name(word)) {
        item.kind = NVB_ITEM_CDI;
    } else if (strncasecmp(word, "GPU-", 4) == 0) {
        item.kind = NVB_ITEM_UUID;
    } else if (strncasecmp(word, "MIG-", 4) == 0) {
        item.kind = NVB_ITEM_MIG;
    } else if ((pci = read_pci(word))) {
        item.kind = NVB_ITEM_PCI;
    } else if (read_numbers(word, &item) == 0) {
        if (item.kind == NVB_ITEM_INDEX && item.last < item.first) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "the range '%s' runs backwards", text);
            return nvb_error_hint(err, "%llu-%llu", (unsigned long long)item.last,
                                  (unsigned long long)item.first);
        }
    } else {
        return fail_item(text, err);
    }
    item.text = pci ? pci : nvb_strdup(word);
    *ret = item;
    return 0;
}

static int read_list(const struct nvb_strv *words, struct nvb_selection *ret,
                     struct nvb_error **err)
{
    _cleanup_selection_ struct nvb_selection selection = {.kind = NVB_SELECT_ITEMS};
    for (size_t i = 0; i < words->count; i++) {
        struct nvb_selection_item item;
        if (words->count > 1 && strcmp(words->items[i], "none") == 0)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'none' stands alone, not in a list");
        if (read_item(words->items[i], &item, err) < 0)
            return -1;
        nvb_vec_push(&selection.items, item);
    }
    *ret = TAKE_STRUCT(selection);
    return 0;
}

/* ---- whole selections ---- */

static int read_count(const char *text, struct nvb_selection *ret, struct nvb_error **err)
{
    uint64_t count;
    if (strcmp(text, "-1") == 0) {
        struct nvb_selection_item all = {.kind = NVB_ITEM_ALL, .text = nvb_strdup("all")};
        *ret = (struct nvb_selection){.kind = NVB_SELECT_ITEMS};
        nvb_vec_push(&ret->items, all);
        return 0;
    }
    if (nvb_parse_u64(text, strlen(text), 10, &count) < 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not a number of GPUs", text);
        return nvb_error_hint(err, FORMS);
    }
    *ret =
        (struct nvb_selection){.kind = count ? NVB_SELECT_COUNT : NVB_SELECT_NONE, .count = count};
    return 0;
}

int nvb_selection_parse(const char *text, struct nvb_selection *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    if (strcmp(text, "none") == 0) {
        *ret = (struct nvb_selection){.kind = NVB_SELECT_NONE};
        return 0;
    }
    if (nvb_has_prefix(text, "count="))
        return read_count(text + strlen("count="), ret, err);
    nvb_strv_split(&words, text, ',');
    return read_list(&words, ret, err);
}

int nvb_selection_parse_visible(const char *text, struct nvb_selection *ret, struct nvb_error **err)
{
    _cleanup_free_ char *clean = nvb_visible_clean(text);
    _cleanup_strv_ struct nvb_strv words = {0};
    if (clean[0] == '\0' || strcmp(clean, "none") == 0) {
        *ret = (struct nvb_selection){.kind = NVB_SELECT_NONE};
        return 0;
    }
    nvb_strv_split(&words, clean, ',');
    if (read_list(&words, ret, err) < 0)
        return nvb_error_prefix(err, NVB_VISIBLE "=%s", text);
    return 0;
}

/* ---- Docker's --gpus ---- */

struct docker_fields {
    const char *count;
    struct nvb_strv devices;
    struct nvb_strv capabilities;
};

static int read_docker_driver(const char *driver, struct nvb_error **err)
{
    if (driver[0] == '\0' || strcmp(driver, "nvidia") == 0 || strcmp(driver, "cdi") == 0)
        return 0;
    return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                          "--gpus: the driver '%s' is unknown: nvidia, cdi", driver);
}

static int read_docker_field(const char *field, struct docker_fields *fields,
                             struct nvb_strv **list, struct nvb_error **err)
{
    const char *value = strchr(field, '=');
    size_t len = value ? (size_t)(value - field) : 0;
    /* A CDI name has its "=" behind a slash. */
    bool keyed = value && !memchr(field, '/', len);
    if (!keyed && *list) {
        nvb_strv_add(*list, field);
        return 0;
    }
    if (!keyed) {
        fields->count = field;
        return 0;
    }
    value++;
    *list = NULL;
    if (len == 5 && strncmp(field, "count", len) == 0) {
        fields->count = value;
    } else if (len == 6 && strncmp(field, "device", len) == 0) {
        *list = &fields->devices;
        nvb_strv_split(*list, value, ',');
    } else if (len == 12 && strncmp(field, "capabilities", len) == 0) {
        *list = &fields->capabilities;
        nvb_strv_split(*list, value, ',');
    } else if (len == 6 && strncmp(field, "driver", len) == 0) {
        return read_docker_driver(value, err);
    } else {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--gpus: '%s' is unknown", field);
        return nvb_error_hint(err, "--gpus all, --gpus 2, --gpus device=0,1");
    }
    return 0;
}

/* The classes that Docker sorts devices by say nothing about files. */
static int read_docker_capabilities(const struct nvb_strv *words, unsigned *ret,
                                    struct nvb_error **err)
{
    static const char *const classes[] = {"gpu", "nvidia", "tpu", ""};
    for (size_t i = 0; i < words->count; i++) {
        bool is_class = false;
        unsigned one = 0;
        for (size_t k = 0; k < NVB_COUNT(classes); k++)
            is_class = is_class || strcmp(words->items[i], classes[k]) == 0;
        if (!is_class && nvb_capabilities_parse(words->items[i], &one, err) < 0)
            return nvb_error_prefix(err, "--gpus");
        *ret |= one;
    }
    return 0;
}

static int finish_docker(const struct docker_fields *fields, struct nvb_selection *ret,
                         struct nvb_error **err)
{
    _cleanup_selection_ struct nvb_selection selection = {0};
    unsigned capabilities = 0;
    if (fields->count && fields->devices.count > 0)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "--gpus takes a number or devices, not both");
    if (read_docker_capabilities(&fields->capabilities, &capabilities, err) < 0)
        return -1;
    const char *count = fields->count ? fields->count : "all";
    if (fields->devices.count > 0) {
        if (read_list(&fields->devices, &selection, err) < 0)
            return nvb_error_prefix(err, "--gpus");
    } else if (read_count(strcmp(count, "all") == 0 ? "-1" : count, &selection, err) < 0) {
        return nvb_error_prefix(err, "--gpus");
    }
    selection.capabilities = capabilities;
    *ret = TAKE_STRUCT(selection);
    return 0;
}

int nvb_selection_parse_docker(const char *text, struct nvb_selection *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    struct docker_fields fields = {0};
    struct nvb_strv *list = NULL;
    int r = 0;
    nvb_claims_split_csv(text, &words);
    for (size_t i = 0; r == 0 && i < words.count; i++)
        r = read_docker_field(words.items[i], &fields, &list, err);
    if (r == 0)
        r = finish_docker(&fields, ret, err);
    nvb_strv_done(&fields.devices);
    nvb_strv_done(&fields.capabilities);
    return r;
}
