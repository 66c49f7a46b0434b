// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/rest/fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace weir::rest {
namespace {

constexpr int kDeepest = 64;
constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;  // whole numbers that a double holds exactly
constexpr std::int64_t kNoValue = 0xFFFFFFFE;                  // Slurm's NO_VAL; INFINITE is one more
constexpr std::int64_t kNoValue64 = -2;                        // NO_VAL64, as a signed number

// Every member that is read anywhere here; sorted.
constexpr std::array kRead{
    "Slurm",    "alloc_cpus", "alloc_memory", "code",       "comment",      "cpus",        "description",
    "end_time", "errno",      "error",        "error_code", "error_number", "errors",      "exit_code",
    "gres",     "gres_used",  "id",           "infinite",   "job_id",       "job_state",   "jobs",
    "message",  "meta",       "name",         "nodes",      "number",       "partitions",  "ping",
    "pinged",   "pings",      "real_memory",  "release",    "responding",   "return_code", "set",
    "signal",   "signal_id",  "slurm",        "start_time", "state",        "state_flags", "state_reason",
    "status",   "string",     "submit_time",  "user_name"};

bool is_read(const std::string& key) {
    return std::ranges::binary_search(kRead, std::string_view(key), {},
                                      [](const char* known) { return std::string_view(known); });
}

bool too_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted && c == '\\')
            ++at;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            ++depth;
        else if (!quoted && (c == '}' || c == ']'))
            --depth;
        if (depth > kDeepest) return true;
    }
    return false;
}

// Beyond ASCII there is nothing that we need.
std::string ascii(std::string_view text) {
    std::string clean(text);
    std::ranges::replace_if(
        clean, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return clean;
}

std::optional<Json> parse_with(std::string_view text, const Json::parser_callback_t& filter) {
    if (too_deep(text)) return std::nullopt;
    Json document = Json::parse(text, filter, false);
    if (document.is_discarded() && std::ranges::any_of(text, [](char c) { return (c & 0x80) != 0; }))
        document = Json::parse(ascii(text), filter, false);
    if (document.is_discarded()) return std::nullopt;
    return document;
}

// The number that a value is; absent if it is none.
std::optional<std::int64_t> whole(const Json& value) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        return static_cast<std::int64_t>(number);  // NO_VAL64 becomes kNoValue64
    }
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (!value.is_number_float()) return std::nullopt;
    const double number = value.get<double>();
    if (!(std::abs(number) <= static_cast<double>(kLargestExact)) || number != std::trunc(number))
        return std::nullopt;
    return static_cast<std::int64_t>(number);
}

const Json& null_json() {
    static const Json null;
    return null;
}

bool is_true(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

std::optional<Json> parse(std::string_view text) {
    return parse_with(text, [](int, Json::parse_event_t event, Json& parsed) {
        return event != Json::parse_event_t::key || is_read(parsed.get_ref<const std::string&>());
    });
}

std::optional<Json> parse_paths(std::string_view text) {
    return parse_with(text, [](int depth, Json::parse_event_t event, Json& parsed) {
        if (event != Json::parse_event_t::key) return true;
        return depth == 2 || (depth == 1 && parsed.get_ref<const std::string&>() == "paths");
    });
}

Fields::Fields(const Json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object_.is_object()) problem("is not an object");
}

void Fields::problem(const std::string& text) {
    if (problem_.empty()) problem_ = what_ + " " + text;
}

const Json& Fields::member(const char* key) {
    if (!object_.is_object()) return null_json();
    const auto found = object_.find(key);
    if (found != object_.end()) return *found;
    problem(std::string("has no ") + key);
    return null_json();
}

std::optional<std::int64_t> Fields::number(const char* key, std::int64_t low, std::int64_t high) {
    const Json* value = &member(key);
    if (value->is_object()) {
        if (is_true(*value, "infinite") || !is_true(*value, "set")) {
            if (!value->contains("set")) problem(std::string("has no number as its ") + key);
            return std::nullopt;
        }
        const auto inner = value->find("number");
        value = inner == value->end() ? value : &*inner;
    }
    if (value->is_null()) return std::nullopt;
    const auto found = whole(*value);
    if (!found) {
        problem(std::string("has no number as its ") + key);
        return std::nullopt;
    }
    if (*found == kNoValue || *found == kNoValue + 1 || *found == kNoValue64 || *found == kNoValue64 + 1)
        return std::nullopt;
    if (*found < low || *found > high) {
        problem("has " + std::to_string(*found) + " as its " + key);
        return std::nullopt;
    }
    return found;
}

std::string Fields::text(const char* key) {
    const Json& value = member(key);
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_null()) problem(std::string("has no text as its ") + key);
    return {};
}

std::vector<std::string> Fields::words(const char* key) {
    const Json& value = member(key);
    if (value.is_string()) return {value.get<std::string>()};
    std::vector<std::string> words;
    if (!value.is_array()) {
        problem(std::string("has no words as its ") + key);
        return words;
    }
    words.reserve(value.size());
    for (const Json& word : value) {
        if (!word.is_string()) {
            problem(std::string("has no words as its ") + key);
            return {};
        }
        words.push_back(word.get<std::string>());
    }
    return words;
}

}  // namespace weir::rest
