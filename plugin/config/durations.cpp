// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstdint>
#include <optional>

#include "plugin/config/values.h"
#include "plugin/config/words.h"
#include "policies/model/units.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

struct Unit {
    std::string_view name;
    milliseconds length;
};

constexpr std::array<Unit, 5> kUnits{{{"d", std::chrono::hours(24)},
                                      {"h", std::chrono::hours(1)},
                                      {"m", std::chrono::minutes(1)},
                                      {"s", std::chrono::seconds(1)},
                                      {"ms", milliseconds(1)}}};

constexpr std::size_t kSeconds = 3;  // their place above
constexpr const char* kNoDuration = "is not a duration (as in 90s, 15m or 1h30m)";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Takes the characters at the front of which `belongs` is true.
template <class Belongs>
std::string_view take(std::string_view& text, Belongs belongs) {
    std::size_t size = 0;
    while (size < text.size() && belongs(text[size])) ++size;
    const std::string_view taken = text.substr(0, size);
    text.remove_prefix(size);
    return taken;
}

std::string in_words(milliseconds duration) {
    if (duration < std::chrono::seconds(1)) return std::to_string(duration.count()) + "ms";
    return to_text(std::chrono::duration_cast<Duration>(duration));
}

// Digits times unit; absent when that is more than `max`.
std::optional<milliseconds> product(std::string_view digits, milliseconds unit, milliseconds max) {
    std::int64_t number = 0;
    for (char digit : digits) {
        number = number * 10 + (digit - '0');
        if (number > max / unit) return std::nullopt;
    }
    return number * unit;
}

std::string unknown_unit(std::string_view unit, const DurationForm& form) {
    return "has the unknown unit " + in_quotes(unit) + " (known: " + (form.milliseconds ? "ms, " : "") +
           "s, m, h, d)";
}

// What is wrong with the text, to be said after the text itself.
Read<milliseconds> read_parts(std::string_view text, const DurationForm& form) {
    std::string whole(text);
    milliseconds sum{0};
    std::size_t next_unit = 0;
    while (!text.empty()) {
        const std::string_view digits = take(text, is_digit);
        if (!text.empty() && (text[0] == '.' || text[0] == ',')) {
            return tl::unexpected<std::string>("has a fraction (write whole numbers, as in 1h30m)");
        }
        const std::string_view name = take(text, is_letter);
        if (digits.empty() || (name.empty() && !text.empty())) {
            return tl::unexpected<std::string>(kNoDuration);
        }
        if (name.empty() && next_unit > kSeconds) return tl::unexpected<std::string>(kNoDuration);
        if (name.empty()) {
            const std::string unit =
                std::string(next_unit == 0 ? form.usual_unit : kUnits.at(next_unit).name);
            return tl::unexpected("has no unit (try " + whole.append(unit) + ")");
        }
        std::size_t unit = 0;
        while (unit < kUnits.size() && kUnits.at(unit).name != name) ++unit;
        if (unit == kUnits.size()) return tl::unexpected(unknown_unit(name, form));
        if (name == "ms" && !form.milliseconds) {
            return tl::unexpected<std::string>("is finer than a second (known units: s, m, h, d)");
        }
        if (unit < next_unit) {
            return tl::unexpected<std::string>("must name each unit once, the largest first (as in 1h30m)");
        }
        next_unit = unit + 1;
        const auto part = product(digits, kUnits.at(unit).length, form.max);
        if (!part || sum + *part > form.max) {
            return tl::unexpected("is too long (at most " + in_words(form.max) + ")");
        }
        sum += *part;
    }
    if (sum < form.min) return tl::unexpected("is too short (at least " + in_words(form.min) + ")");
    return sum;
}

}  // namespace

Read<milliseconds> read_duration(std::string_view text, const DurationForm& form) {
    if (text.empty()) return tl::unexpected<std::string>("is empty (as in 90s, 15m or 1h30m)");
    auto duration = text.starts_with('-') ? Read<milliseconds>(tl::unexpected<std::string>("is negative"))
                                          : read_parts(text, form);
    return duration.map_error([&](const std::string& fault) { return in_quotes(text) + " " + fault; });
}

}  // namespace weir::config
