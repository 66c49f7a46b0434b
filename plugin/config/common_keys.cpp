// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/common_keys.h"

#include <charconv>
#include <chrono>

#include "plugin/config/words.h"

namespace weir::config {

std::optional<policies::Mode> read_mode(const Value& value) {
    return value.one_of<policies::Mode>({{"advise", policies::Mode::kAdvise}, {"act", policies::Mode::kAct}});
}

void read_seconds(const Value& value, Duration& into) {
    const auto read = value.as("a duration", [](std::string_view text) { return read_duration(text, {}); });
    if (read) into = std::chrono::duration_cast<Duration>(*read);
}

Read<double> read_above_zero(std::string_view text, double most, const std::string& what) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(number > 0) || number > most)
        return tl::unexpected(in_quotes(text) + " is not " + what);
    return number;
}

void read_percent(const Value& value, int most, int& into) {
    keep(value.as("a percentage",
                  [&](std::string_view text) -> Read<int> {
                      if (!text.ends_with('%'))
                          return tl::unexpected(in_quotes(text) + " has no unit (try " + std::string(text) +
                                                "%)");
                      auto number = read_count(text.substr(0, text.size() - 1));
                      if (!number || *number > most)
                          return tl::unexpected(in_quotes(text) + " is not a whole percentage from 0% to " +
                                                std::to_string(most) + "%");
                      return number;
                  }),
         into);
}

void read_names(const Value& value, std::string_view wanted, ReadName read, std::vector<std::string>& into) {
    value.list(wanted, [&](const Value& entry) { into.push_back(entry.as("a name", read).value_or("")); });
}

}  // namespace weir::config
