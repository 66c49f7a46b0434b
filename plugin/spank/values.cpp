// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/values.h"

#include <algorithm>

#include "plugin/config/words.h"
#include "plugin/spank/signals.h"

namespace weir::spank {
namespace {

using config::in_quotes;
using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kLongestSave(24);
constexpr hours kLongestTime(24 * 365);

enum class Strangers { kRefused, kPassedOver };

struct Told {
    int signal = 0;
    Duration within{};
};

tl::unexpected<std::string> fault(std::string text) {
    return tl::unexpected<std::string>(std::move(text));
}

// Takes the text up to the separator off its front; the separator goes too.
std::string_view take(std::string_view& text, char separator) {
    const auto cut = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, cut);
    text.remove_prefix(std::min(cut + 1, text.size()));
    return part;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Read<Duration> read_time(std::string_view text, Duration most, const char* usual_unit) {
    config::DurationForm form;
    form.usual_unit = usual_unit;
    form.min = seconds(1);
    form.max = most;
    return config::read_duration(text, form).map([](std::chrono::milliseconds time) {
        return std::chrono::duration_cast<Duration>(time);
    });
}

// SECONDS: a plain number, or a time with its unit.
Read<Duration> read_seconds(std::string_view text) {
    return read_time(is_number(text) ? std::string(text) + "s" : std::string(text), kLongestSave, "s");
}

Read<int> read_signal(std::string_view text) {
    if (text.empty()) return fault("names no signal (as in USR1@120)");
    const auto number = signal_number(text);
    if (!number)
        return fault(in_quotes(text) + " is no signal (known: " + usual_signals() +
                     ", or a number from 1 to 64)");
    if (!can_be_caught(*number))
        return fault(in_quotes(text) + " cannot be caught by any program (try USR1)");
    return *number;
}

// SIGNAL@SECONDS
Read<Told> read_told(std::string_view text) {
    if (text.empty()) return fault("is empty (as in USR1@120)");
    const bool has_seconds = text.find('@') != std::string_view::npos;
    const std::string_view name = take(text, '@');
    const auto signal = read_signal(name);
    if (!signal) return tl::unexpected(signal.error());
    if (!has_seconds || text.empty())
        return fault(in_quotes(name) + " does not say within how many seconds (try " + std::string(name) +
                     "@120)");
    const auto within = read_seconds(text);
    if (!within) return tl::unexpected(within.error());
    return Told{*signal, *within};
}

// every=TIME or reload=TIME
Read<bool> read_key(std::string_view part, Strangers strangers, Checkpoint& checkpoint) {
    const bool has_value = part.find('=') != std::string_view::npos;
    const std::string_view key = take(part, '=');
    std::optional<Duration>* const field = key == "every"    ? &checkpoint.every
                                           : key == "reload" ? &checkpoint.reload
                                                             : nullptr;
    if (field == nullptr) {
        if (strangers == Strangers::kPassedOver) return true;
        const auto meant = config::nearest(key, {"every", "reload"});
        return fault("knows no " + in_quotes(key) +
                     (meant.empty() ? "" : " (meant " + std::string(meant) + "?)") +
                     ", but every=TIME and reload=TIME");
    }
    const std::string name(key);
    if (!has_value) return fault(name + " has no time (try " + name + "=30m)");
    if (*field) return fault("says " + name + " twice");
    const auto time = read_time(part, kLongestTime, "m");
    if (!time) return fault(name + ": " + time.error());
    *field = *time;
    return true;
}

Read<Checkpoint> read(std::string_view text, Strangers strangers) {
    const auto told = read_told(take(text, ','));
    if (!told) return tl::unexpected(told.error());
    Checkpoint checkpoint{told->signal, told->within, {}, {}};
    while (!text.empty()) {
        const auto key = read_key(take(text, ','), strangers, checkpoint);
        if (!key) return tl::unexpected(key.error());
    }
    return checkpoint;
}

std::string in_seconds(Duration time) {
    return std::to_string(time.count()) + "s";
}

}  // namespace

Read<Checkpoint> read_checkpoint(std::string_view text) {
    return read(text, Strangers::kRefused);
}

Read<NoticeSignal> read_notice(std::string_view text) {
    if (text.starts_with("B:")) text.remove_prefix(2);
    const auto told = read_told(text);
    if (!told) return tl::unexpected(told.error());
    return NoticeSignal{told->signal, true, told->within};
}

std::optional<Checkpoint> kept_checkpoint(std::string_view text) {
    const auto checkpoint = read(text, Strangers::kPassedOver);
    return checkpoint ? std::optional(*checkpoint) : std::nullopt;
}

std::optional<NoticeSignal> kept_notice(std::string_view text) {
    NoticeSignal notice;
    notice.batch_only = text.starts_with('B');
    if (notice.batch_only) text.remove_prefix(text.starts_with("B:") ? 2 : 1);  // "B10": as of old
    const bool has_seconds = text.find('@') != std::string_view::npos;
    const auto signal = read_signal(take(text, '@'));
    if (!signal) return std::nullopt;
    notice.number = *signal;
    if (!has_seconds) return notice;
    const auto within = read_seconds(text);
    if (!within) return std::nullopt;
    notice.within = *within;
    return notice;
}

std::string to_text(const Checkpoint& checkpoint) {
    std::string text = signal_name(checkpoint.signal) + "@" + std::to_string(checkpoint.within.count());
    if (checkpoint.every) text += ",every=" + in_seconds(*checkpoint.every);
    if (checkpoint.reload) text += ",reload=" + in_seconds(*checkpoint.reload);
    return text;
}

std::string to_text(const NoticeSignal& notice) {
    std::string text = (notice.batch_only ? "B:" : "") + signal_name(notice.number);
    if (notice.within) text += "@" + std::to_string(notice.within->count());
    return text;
}

}  // namespace weir::spank
