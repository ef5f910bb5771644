#include "base/notes.h"

void nvb_notes_add(struct nvb_notes *notes, enum nvb_note_level level, const char *format, ...)
{
    if (!notes)
        return;
    struct nvb_str text = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&text, format, args);
    va_end(args);
    struct nvb_note *note = nvb_vec_add(notes);
    note->level = level;
    note->text = nvb_str_steal(&text);
}

void nvb_notes_hint(struct nvb_notes *notes, const char *format, ...)
{
    if (!notes || notes->count == 0)
        return;
    struct nvb_str text = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&text, format, args);
    va_end(args);
    struct nvb_note *note = &notes->items[notes->count - 1];
    free(note->hint);
    note->hint = nvb_str_steal(&text);
}

void nvb_notes_done(struct nvb_notes *notes)
{
    nvb_vec_foreach (note, notes) {
        free(note->text);
        free(note->hint);
    }
    nvb_vec_release(notes);
}
