#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 64

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t nvb_edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    size_t rows[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *up = rows[(i + 2) % 3];
        const size_t *upper = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
            size_t best = min2(min2(up[j], row[j - 1]) + 1, up[j - 1] + same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min2(best, upper[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *nvb_nearest(const char *word, const char *const *words)
{
    const char *const *all = words;
    const char *found = NULL;
    size_t best = strlen(word) / 3 + 1;
    for (; *words; words++) {
        size_t d = nvb_edit_distance(word, *words);
        if (d < best) {
            best = d;
            found = *words;
        }
    }
    if (found || strlen(word) < 3)
        return found;
    for (words = all; *words; words++) {
        if (strncmp(word, *words, strlen(word)) == 0)
            return *words;
    }
    return NULL;
}
