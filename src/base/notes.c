#include "base/notes.h"

void nvb_notes_add(struct nvb_notes *notes, enum nvb_note_level level, const char *format, ...)
{
    if (!notes)
        return;
    va_list args;
    va_start(args, format);
    nvb_vec_push(notes, ((struct nvb_note){.level = level, .text = nvb_vstrdupf(format, args)}));
    va_end(args);
}

void nvb_notes_hint(struct nvb_notes *notes, const char *format, ...)
{
    if (!notes || notes->count == 0)
        return;
    struct nvb_note *note = &notes->items[notes->count - 1];
    va_list args;
    va_start(args, format);
    char *hint = nvb_vstrdupf(format, args);
    va_end(args);
    free(note->hint);
    note->hint = hint;
}

void nvb_notes_done(struct nvb_notes *notes)
{
    nvb_vec_foreach (note, notes) {
        free(note->text);
        free(note->hint);
    }
    nvb_vec_release(notes);
}
