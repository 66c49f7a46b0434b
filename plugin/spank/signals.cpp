// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/signals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <utility>
#include <vector>

#include "plugin/config/words.h"

namespace weir::spank {
namespace {

constexpr int kHighest = 64;
constexpr std::array<std::pair<std::string_view, int>, 13> kNames{{{"HUP", SIGHUP},
                                                                   {"INT", SIGINT},
                                                                   {"QUIT", SIGQUIT},
                                                                   {"USR1", SIGUSR1},
                                                                   {"USR2", SIGUSR2},
                                                                   {"ALRM", SIGALRM},
                                                                   {"TERM", SIGTERM},
                                                                   {"URG", SIGURG},
                                                                   {"CONT", SIGCONT},
                                                                   {"TSTP", SIGTSTP},
                                                                   {"WINCH", SIGWINCH},
                                                                   {"KILL", SIGKILL},
                                                                   {"STOP", SIGSTOP}}};

// The name as the table has it.
std::string bare(std::string_view text) {
    std::string name(text);
    for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name.starts_with("SIG") ? name.substr(3) : name;
}

}  // namespace

std::optional<int> signal_number(std::string_view text) {
    int number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc{} && stop == end && number >= 1 && number <= kHighest) return number;
    const auto* found = std::ranges::find(kNames, bare(text), &decltype(kNames)::value_type::first);
    if (found == kNames.end()) return std::nullopt;
    return found->second;
}

std::string signal_name(int number) {
    const auto* found = std::ranges::find(kNames, number, &decltype(kNames)::value_type::second);
    return found != kNames.end() ? std::string(found->first) : std::to_string(number);
}

bool can_be_caught(int number) {
    return number != SIGKILL && number != SIGSTOP;
}

std::string usual_signals() {
    std::vector<std::string_view> names;
    for (const auto& [name, number] : kNames)
        if (can_be_caught(number)) names.push_back(name);
    return config::joined(names);
}

}  // namespace weir::spank
