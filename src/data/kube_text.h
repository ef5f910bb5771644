#ifndef NVB_DATA_KUBE_TEXT_H
#define NVB_DATA_KUBE_TEXT_H

/* Names, texts and quantities as Kubernetes' objects have them. */

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Whether NAME is a label of RFC 1123, which names of pods, containers and volumes are: small
 * letters, digits and "-", a letter or digit at either end, at most 63. */
bool nvb_kube_is_label(const char *name);

/* Whether NAME is a subdomain of RFC 1123, which other objects' names may be: such labels with dots
 * between, at most 253. */
bool nvb_kube_is_subdomain(const char *name);

/*
 * The nearest such label to NAME: small letters, "-" for what is no letter or digit, at most MAX
 * (63) bytes. Owned by the caller; NULL where nothing of NAME is left.
 */
char *nvb_kube_make_label(const char *name, size_t max);

/* Whether KEY may be a label's or an annotation's: [SUBDOMAIN/]NAME, NAME of letters, digits and
 * "-_." with a letter or digit at either end, at most 63. */
bool nvb_kube_is_key(const char *key);

/* Whether TEXT may be a label's value: empty, or as the NAME of a key. */
bool nvb_kube_is_label_value(const char *text);

/* Whether NAME may be a variable's: letters, digits and "-_.", no digit in front. */
bool nvb_kube_is_variable(const char *name);

/*
 * Appends TEXT so that it is TEXT again after "$(NAME)" was expanded, which Kubernetes does in
 * command, args and env, and Podman from 4.7 on in command and args. "$$" stands for "$". Only what
 * would change is written so: a "$" before "$" and "(", and before a byte that is not ASCII, which
 * the expansion (third_party/forked/golang/expansion) would break in two.
 */
void nvb_kube_add_escaped(struct nvb_str *s, const char *text);

/*
 * A model's name as the value of the label nvidia.com/gpu.product, by the rule of GPU feature
 * discovery: letters, digits and "-_. " stay, runs of blanks become "-". Owned by the caller.
 */
char *nvb_kube_make_product(const char *model);

/* Reads a size as the engines do ("512m", "1.5g", "64MiB", "100": bytes, units of 1024). Returns 0
 * with bytes, or -1. */
int nvb_kube_parse_size(const char *text, uint64_t *ret_bytes);

/* Appends BYTES as a quantity: "512Mi" where that is exact. */
void nvb_kube_add_size(struct nvb_str *s, uint64_t bytes);

/* Reads a duration as Go does ("1m30s", "500ms"). Returns 0 with whole seconds, 1 where it is none
 * in whole seconds, or -1. */
int nvb_kube_parse_seconds(const char *text, uint64_t *ret_seconds);

#endif
