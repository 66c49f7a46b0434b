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

void read_names_of_some(const Value& value, std::string_view wanted, ReadName read,
                        std::vector<std::string>& into) {
    read_names(value, wanted, read, into);
    if (value.is_list() && into.empty()) value.problem("is empty: name one, or leave the key out for all");
}

void read_number_within(const Value& value, int least, int most, int& into) {
    const auto number = value.count();
    if (!number) return;
    if (*number < least || *number > most)
        value.problem("must be from " + std::to_string(least) + " to " + std::to_string(most));
    else
        into = *number;
}

void tell_at(const std::string& path, std::string message, Findings& findings) {
    std::string above = path;
    auto place = findings.lines.find(above);
    while (place == findings.lines.end() && !above.empty()) {
        const std::size_t cut = above.find_last_of(".[");
        above.resize(cut == std::string::npos ? 0 : cut);
        place = findings.lines.find(above);
    }
    findings.problems.push_back(
        {place == findings.lines.end() ? 0 : place->second, path, std::move(message)});
}

}  // namespace weir::config
