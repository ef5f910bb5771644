#include "compose/request.h"

#include <string.h>

#include "plan/visible.h"

#define NULL_MOUNTS "/var/run/nvidia-container-devices/"

void nvb_compose_wish_done(struct nvb_compose_wish *wish)
{
    nvb_strv_done(&wish->gpu);
}

/* ---- what is a request ---- */

static bool names_gpu(const struct nvb_strv *capabilities)
{
    return nvb_strv_has(capabilities, "gpu") || nvb_strv_has(capabilities, "nvidia");
}

bool nvb_compose_request_is_gpu(const struct nvb_compose_request *request)
{
    const char *driver = request->driver;
    if (request->by_gpus && !driver)
        return true;
    if (!driver || !*driver)
        return request->capabilities.count == 0 || names_gpu(&request->capabilities);
    return strcmp(driver, "nvidia") == 0 || strcmp(driver, "cdi") == 0;
}

bool nvb_compose_is_cdi_gpu(const char *device)
{
    return nvb_has_prefix(device, "nvidia.com/gpu=");
}

bool nvb_compose_has_gpu_runtime(const struct nvb_compose_service *service)
{
    const char *runtime = service->runtime.text;
    return runtime && (strcmp(runtime, "nvidia") == 0 || strcmp(runtime, "nvbind") == 0);
}

static bool is_gpu_node(const char *device)
{
    return nvb_has_prefix(device, "/dev/nvidia") && !nvb_has_prefix(device, "/dev/nvidia-caps/");
}

/* The first word of the service that run itself would take for a request, or NULL. */
static const struct nvb_place *find_in_words(const struct nvb_compose_service *service)
{
    const struct nvb_place *place = NULL;
    nvb_vec_foreach (device, &service->devices)
        if (nvb_compose_is_cdi_gpu(device->text) || is_gpu_node(device->text))
            return &device->place;
    nvb_vec_foreach (volume, &service->volumes)
        if (nvb_has_prefix(volume->text, "/dev/null:" NULL_MOUNTS))
            return &volume->place;
    const char *visible = nvb_compose_service_variable(service, NVB_VISIBLE, &place);
    _cleanup_free_ char *clean = visible ? nvb_visible_clean(visible) : NULL;
    return clean && clean[0] && strcmp(clean, "none") != 0 ? place : NULL;
}

/* Whether the service says in the runtime's own words that it wants none. */
static bool is_refused(const struct nvb_compose_service *service)
{
    const char *visible = nvb_compose_service_variable(service, NVB_VISIBLE, NULL);
    _cleanup_free_ char *clean = visible ? nvb_visible_clean(visible) : NULL;
    return clean && (clean[0] == '\0' || strcmp(clean, "none") == 0);
}

/* ---- several requests as one ---- */

struct sum {
    bool any, all;
    uint64_t count;
    const struct nvb_compose_request *counted; /* the one with the greatest count */
    struct nvb_str ids, capabilities;
    struct nvb_place place;
};

static void sum_done(struct sum *sum)
{
    nvb_str_done(&sum->ids);
    nvb_str_done(&sum->capabilities);
}

static void add_word(struct nvb_str *list, const char *word)
{
    nvb_str_addf(list, "%s%s", list->len ? "," : "", word);
}

/* Docker's names of drivers' capabilities stand among those of devices. */
static void add_capabilities(const struct nvb_compose_request *request, struct sum *sum)
{
    nvb_vec_foreach (word, &request->capabilities)
        if (strcmp(*word, "gpu") != 0 && strcmp(*word, "nvidia") != 0)
            add_word(&sum->capabilities, *word);
}

static int add_request(const struct nvb_compose_request *request, struct sum *sum,
                       struct nvb_error **err)
{
    if (!sum->any)
        sum->place = request->place;
    sum->any = true;
    add_capabilities(request, sum);
    nvb_vec_foreach (id, &request->ids) {
        if (!**id || strpbrk(*id, ", \t\n"))
            return nvb_place_fail(&request->place, err, "'%s' is no GPU's name", *id);
        add_word(&sum->ids, *id);
    }
    if (request->ids.count)
        return 0;
    if (!request->has_count || request->all) {
        sum->all = true;
        return 0;
    }
    if (request->count == 0)
        return nvb_place_fail(&request->place, err, "a request for no GPU at all");
    if (request->count >= sum->count) {
        sum->count = request->count;
        sum->counted = request;
    }
    return 0;
}

static int add_up(const struct nvb_compose_service *service, enum nvb_compose_flavour flavour,
                  struct sum *sum, struct nvb_error **err)
{
    nvb_vec_foreach (request, &service->requests) {
        if (nvb_compose_request_is_gpu(request)) {
            if (add_request(request, sum, err) < 0)
                return -1;
        } else if (flavour == NVB_COMPOSE_PODMAN || request->by_gpus) {
            (void)nvb_place_fail(&request->place, err,
                                 "the devices of driver '%s' are none that nvbind gives, and the "
                                 "tool would drop the request",
                                 request->driver ? request->driver : "");
            return nvb_error_hint(err, "driver: nvidia, or devices: [VENDOR/CLASS=NAME]");
        }
    }
    if (sum->ids.len == 0 || !sum->counted)
        return 0;
    (void)nvb_place_fail(&sum->counted->place, err,
                         "the service '%s' asks for %llu by number and for '%s' by name",
                         service->name, (unsigned long long)sum->count, sum->ids.data);
    return nvb_error_hint(err, "one of them: count, or device_ids");
}

int nvb_compose_wish_read(const struct nvb_compose_service *service,
                          enum nvb_compose_flavour flavour, struct nvb_compose_wish *ret,
                          struct nvb_error **err)
{
    _cleanup_(sum_done) struct sum sum = {.ids = NVB_STR_INIT, .capabilities = NVB_STR_INIT};
    if (add_up(service, flavour, &sum, err) < 0)
        return -1;
    const struct nvb_place *place = sum.any ? &sum.place : find_in_words(service);
    if (!place && nvb_compose_has_gpu_runtime(service) && !is_refused(service)) {
        place = &service->runtime.place;
        sum.all = true;
    }
    if (!place)
        return 1;
    ret->place = *place;
    if (sum.all)
        nvb_strv_add(&ret->gpu, "--gpu=all");
    else if (sum.ids.len)
        nvb_strv_addf(&ret->gpu, "--gpu=%s", sum.ids.data);
    else if (sum.counted)
        nvb_strv_addf(&ret->gpu, "--gpu=count=%llu", (unsigned long long)sum.count);
    if (sum.capabilities.len)
        nvb_strv_addf(&ret->gpu, "--capabilities=%s", sum.capabilities.data);
    return 0;
}

/* ---- words ---- */

static void add_texts(const struct nvb_compose_texts *texts, const char *option,
                      struct nvb_strv *ret)
{
    nvb_vec_foreach (text, texts)
        nvb_strv_addf(ret, "--%s=%s", option, text->text);
}

void nvb_compose_wish_words(const struct nvb_compose_service *service,
                            const struct nvb_compose_wish *wish, struct nvb_strv *ret)
{
    nvb_vec_foreach (word, &wish->gpu)
        nvb_strv_add(ret, *word);
    add_texts(&service->devices, "device", ret);
    add_texts(&service->volumes, "volume", ret);
    add_texts(&service->environment, "env", ret);
    add_texts(&service->groups, "group-add", ret);
    if (service->user.text)
        nvb_strv_addf(ret, "--user=%s", service->user.text);
    if (service->userns.text)
        nvb_strv_addf(ret, "--userns=%s", service->userns.text);
    if (service->privileged)
        nvb_strv_add(ret, "--privileged");
    nvb_strv_add(ret, "--");
    /* No image is looked at; a name with a registry is not looked up either. */
    nvb_strv_add(ret, "localhost/compose");
}
