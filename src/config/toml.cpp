/*
 * The only C++ of the project: toml++ (header-only, no exceptions, no formatters) walked into a
 * struct nvb_doc. NDEBUG is set for this file by the build: the library's own assertions would
 * abort on inputs that it then handles as errors.
 */
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#define TOML_HEADER_ONLY         1
#define TOML_EXCEPTIONS          0
#define TOML_ENABLE_FORMATTERS   0
#define TOML_UNRELEASED_FEATURES 0
#include <toml++/toml.h>

extern "C" {
#include "config/toml_scan.h"
}

namespace
{

struct Builder {
    const char *name;
    nvb_error **err;

    int fail(const toml::source_position &at, const char *message) const
    {
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", message);
        return nvb_error_at(err, name, at.line, at.column);
    }

    int text(const std::string &value, const toml::source_position &at, nvb_doc *ret) const
    {
        if (value.find('\0') != std::string::npos)
            return fail(at, "a string with a zero byte in it");
        nvb_doc_set_text(ret, value.c_str());
        return 0;
    }

    int list(const toml::array &array, unsigned depth, nvb_doc *ret) const
    {
        nvb_doc_set_list(ret);
        for (const toml::node &item : array) {
            if (value(item, item.source().begin, depth, nvb_doc_push(ret)) < 0)
                return -1;
        }
        return 0;
    }

    int map(const toml::table &table, unsigned depth, nvb_doc *ret) const;
    int value(const toml::node &node, const toml::source_position &at, unsigned depth,
              nvb_doc *ret) const;
};

void add_date(std::string &s, const toml::date &d)
{
    char buffer[32];
    (void)std::snprintf(buffer, sizeof(buffer), "%04u-%02u-%02u", static_cast<unsigned>(d.year),
                        static_cast<unsigned>(d.month), static_cast<unsigned>(d.day));
    s += buffer;
}

void add_time(std::string &s, const toml::time &t)
{
    char buffer[32];
    (void)std::snprintf(buffer, sizeof(buffer), "%02u:%02u:%02u", static_cast<unsigned>(t.hour),
                        static_cast<unsigned>(t.minute), static_cast<unsigned>(t.second));
    s += buffer;
    if (t.nanosecond) {
        (void)std::snprintf(buffer, sizeof(buffer), ".%09u", static_cast<unsigned>(t.nanosecond));
        s += buffer;
        s.erase(s.find_last_not_of('0') + 1);
    }
}

void add_offset(std::string &s, const toml::time_offset &offset)
{
    int minutes = offset.minutes;
    char buffer[32];
    if (minutes == 0) {
        s += 'Z';
        return;
    }
    unsigned size = static_cast<unsigned>(minutes < 0 ? -minutes : minutes);
    (void)std::snprintf(buffer, sizeof(buffer), "%c%02u:%02u", minutes < 0 ? '-' : '+', size / 60,
                        size % 60);
    s += buffer;
}

void set_time(nvb_doc *ret, const std::string &text)
{
    nvb_doc_set_text(ret, text.c_str());
    ret->type = NVB_DOC_TIME;
}

bool is_before(const toml::source_position &a, const toml::source_position &b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

struct Member {
    const toml::key *key;
    const toml::node *node;
};

int Builder::map(const toml::table &table, unsigned depth, nvb_doc *ret) const
{
    /* The library keeps a table sorted by key; people expect what they wrote, in that order. */
    std::vector<Member> members;
    members.reserve(table.size());
    for (auto it = table.cbegin(); it != table.cend(); ++it)
        members.push_back({&it->first, &it->second});
    std::stable_sort(members.begin(), members.end(), [](const Member &a, const Member &b) {
        return is_before(a.key->source().begin, b.key->source().begin);
    });
    nvb_doc_set_map(ret);
    for (const Member &member : members) {
        const toml::source_position &at = member.key->source().begin;
        std::string key{member.key->str()};
        if (key.find('\0') != std::string::npos)
            return fail(at, "a key with a zero byte in it");
        nvb_doc *child = nvb_doc_put(ret, key.c_str());
        ret->map.items[ret->map.count - 1].line = at.line;
        ret->map.items[ret->map.count - 1].column = at.column;
        if (value(*member.node, at, depth, child) < 0)
            return -1;
    }
    return 0;
}

/* KEY_AT stands in for values without a place of their own: tables made by a header or a dot. */
int Builder::value(const toml::node &node, const toml::source_position &key_at, unsigned depth,
                   nvb_doc *ret) const
{
    toml::source_position at = node.source().begin;
    if (!at)
        at = key_at;
    if (depth >= NVB_DOC_MAX_DEPTH)
        return fail(at, "nested more than 32 deep");
    int r = 0;
    if (const auto *table = node.as_table()) {
        r = map(*table, depth + 1, ret);
    } else if (const auto *array = node.as_array()) {
        r = list(*array, depth + 1, ret);
    } else if (const auto *string = node.as_string()) {
        r = text(string->get(), at, ret);
    } else if (const auto *integer = node.as_integer()) {
        nvb_doc_set_int(ret, integer->get());
    } else if (const auto *real = node.as_floating_point()) {
        nvb_doc_set_real(ret, real->get());
    } else if (const auto *boolean = node.as_boolean()) {
        nvb_doc_set_bool(ret, boolean->get());
    } else {
        std::string s;
        if (const auto *date = node.as_date()) {
            add_date(s, date->get());
        } else if (const auto *time = node.as_time()) {
            add_time(s, time->get());
        } else if (const auto *both = node.as_date_time()) {
            add_date(s, both->get().date);
            s += 'T';
            add_time(s, both->get().time);
            if (both->get().offset)
                add_offset(s, *both->get().offset);
        }
        set_time(ret, s);
    }
    ret->line = at.line;
    ret->column = at.column;
    return r;
}

/* One line of our own: the library quotes the bytes it met as they are, line ends too. */
std::string describe(std::string_view text)
{
    constexpr std::string_view before{"Error while parsing "};
    if (text.substr(0, before.size()) == before)
        text.remove_prefix(before.size());
    std::string s{"this is not TOML: "};
    for (char c : text) {
        if (c == '\n' || c == '\r')
            s += "\\n";
        else
            s += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return s;
}

} // namespace

extern "C" int nvb_toml_build(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                              struct nvb_error **err)
{
    Builder builder{name, err};
    toml::parse_result result = toml::parse(std::string_view{text, len});
    if (!result) {
        const toml::parse_error &error = result.error();
        return builder.fail(error.source().begin, describe(error.description()).c_str());
    }
    nvb_doc doc = {};
    if (builder.map(result.table(), 0, &doc) < 0) {
        nvb_doc_done(&doc);
        return -1;
    }
    doc.line = 1;
    doc.column = 1;
    *ret = doc;
    return 0;
}
