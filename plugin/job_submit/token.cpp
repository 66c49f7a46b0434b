// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/token.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "plugin/spank/values.h"

namespace weir::job_submit::token {
namespace {

constexpr std::string_view kPrefix = "weir:";
constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kTold = "[Weir ";

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// The word in the comment: where it stands, and what it says. With a size of 0 there is none.
struct Word {
    std::size_t begin = 0;
    std::size_t size = 0;
    Fields fields;
};

// Empty if the word is not one of ours.
Fields read_fields(std::string_view word) {
    Fields fields;
    if (!word.starts_with(kPrefix)) return fields;
    word.remove_prefix(kPrefix.size());
    while (!word.empty()) {
        const auto cut = std::min(word.find(';'), word.size());
        const std::string_view field = word.substr(0, cut);
        word.remove_prefix(std::min(cut + 1, word.size()));
        const auto equals = field.find('=');
        if (equals == std::string_view::npos || equals == 0) return {};
        fields.emplace_back(field.substr(0, equals), field.substr(equals + 1));
    }
    return fields;
}

Word find_word(std::string_view comment) {
    for (std::size_t at = comment.find_first_not_of(kBlanks); at != std::string_view::npos;) {
        const auto end = std::min(comment.find_first_of(kBlanks, at), comment.size());
        Fields fields = read_fields(comment.substr(at, end - at));
        if (!fields.empty()) return {at, end - at, std::move(fields)};
        at = comment.find_first_not_of(kBlanks, end);
    }
    return {};
}

std::string to_text(const Fields& fields) {
    std::string text(kPrefix);
    for (const auto& [key, value] : fields) {
        if (text.size() > kPrefix.size()) text += ';';
        text.append(key).append("=").append(value);
    }
    return text;
}

// Where the told sentence stands, brackets included; a size of 0: there is none.
struct Place {
    std::size_t begin = 0;
    std::size_t size = 0;
};
Place find_told(std::string_view comment) {
    const auto begin = comment.find(kTold);
    if (begin == std::string_view::npos) return {};
    const auto end = comment.find(']', begin);
    if (end == std::string_view::npos) return {};
    return {begin, end + 1 - begin};
}

bool plain(std::string_view text, std::string_view forbidden) {
    return !text.empty() && text.find_first_of(kBlanks) == std::string_view::npos &&
           text.find_first_of(forbidden) == std::string_view::npos;
}

}  // namespace

std::optional<std::string> get(std::string_view comment, std::string_view key) {
    for (const auto& [name, value] : find_word(comment).fields) {
        if (name == key) return std::string(value);
    }
    return std::nullopt;
}

std::string set(std::string_view comment, std::string_view key, std::string_view value) {
    std::string text(comment);
    if (!plain(key, ";=") || !plain(value, ";")) return text;
    Word word = find_word(comment);
    const auto field = std::ranges::find(word.fields, key, &Fields::value_type::first);
    if (field != word.fields.end()) {
        field->second = value;
    } else {
        word.fields.emplace_back(key, value);
    }
    if (word.size > 0) return text.replace(word.begin, word.size, to_text(word.fields));
    if (!text.empty() && kBlanks.find(text.back()) == std::string_view::npos) text += ' ';
    return text + to_text(word.fields);
}

std::string remove(std::string_view comment, std::string_view key) {
    std::string text(comment);
    Word word = find_word(comment);
    const auto removed = std::erase_if(word.fields, [&](const auto& field) { return field.first == key; });
    if (removed == 0) return text;
    if (!word.fields.empty()) return text.replace(word.begin, word.size, to_text(word.fields));
    // The blank that set() put before the word goes with it, else the one after.
    if (word.begin > 0) {
        text.erase(word.begin - 1, word.size + 1);
    } else {
        text.erase(0, std::min(word.size + 1, text.size()));
    }
    return text;
}

std::optional<Time> begin(std::string_view comment) {
    const auto value = get(comment, kBegin);
    if (!value) return std::nullopt;
    std::int64_t seconds = 0;
    const char* const end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, seconds);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return Time(Duration(seconds));
}

std::optional<NoticeSignal> notice(std::string_view comment) {
    const auto value = get(comment, kNotice);
    return value ? spank::kept_notice(*value) : std::nullopt;
}

std::optional<Checkpoint> checkpoint(std::string_view comment) {
    const auto value = get(comment, kCheckpoint);
    return value ? spank::kept_checkpoint(*value) : std::nullopt;
}

std::optional<OverflowRequest> overflow(std::string_view comment) {
    OverflowRequest request;
    const auto read = [&](std::string_view key, auto reader, auto&& into) {
        const auto value = get(comment, key);
        if (!value) return;
        if (const auto meant = reader(*value)) into(*meant);
    };
    read(kOverflow, spank::read_overflow, [&](const OverflowRequest& said) { request = said; });
    read(kMaxCost, spank::read_max_cost, [&](Money most) { request.max_cost = most; });
    read(kLatency, spank::read_latency, [&](std::chrono::milliseconds most) { request.latency = most; });
    read(kStageIn, spank::read_bytes, [&](Bytes size) { request.stage_in = size; });
    if (request == OverflowRequest{}) return std::nullopt;
    return request;
}

std::string tell(std::string_view comment, Time at, std::string_view sentence) {
    std::string text(comment);
    const std::string note = std::string(kTold) + utc(at) + ": " + std::string(sentence) + "]";
    if (const Place before = find_told(text); before.size > 0)
        return text.replace(before.begin, before.size, note);
    if (!text.empty() && kBlanks.find(text.back()) == std::string_view::npos) text += ' ';
    return text + note;
}

std::string told(std::string_view comment) {
    const Place place = find_told(comment);
    if (place.size == 0) return {};
    return std::string(comment.substr(place.begin + kTold.size(), place.size - kTold.size() - 1));
}

}  // namespace weir::job_submit::token
