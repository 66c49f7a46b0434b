// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/stream.h"

#include <algorithm>

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{500};  // between two looks at a copy that runs
constexpr milliseconds kLongestPause{10'000};
constexpr milliseconds kFirstLook{50};  // and at one that has ended
constexpr milliseconds kLeastRest{2000};
constexpr milliseconds kMostRest{16'000};
constexpr int kQuietEnd = 3;  // looks without news after which the output of a copy that has ended is whole
constexpr int kMostRefusals = 5;

}  // namespace

void note(Stream& stream, Seen seen, bool over) {
    if (over && !stream.over) stream.quiet = stream.troubles = stream.refusals = 0;
    stream.over = over;
    if (seen == Seen::kMore || seen == Seen::kNothing) {
        stream.troubles = stream.refusals = 0;
        stream.quiet = seen == Seen::kMore ? 0 : stream.quiet + 1;
        stream.at_end = over && stream.quiet >= kQuietEnd;
        return;
    }
    ++stream.troubles;
    stream.refusals = seen == Seen::kRefused ? stream.refusals + 1 : 0;
    stream.at_end = stream.unread = over && stream.refusals >= kMostRefusals;
}

void note_none(Stream& stream, bool over) {
    stream.over = over;
    stream.at_end = over;
    stream.quiet = std::max(stream.quiet, kQuietEnd);
    stream.troubles = 0;
}

milliseconds rest_after(const std::array<Stream, 2>& streams, bool over) {
    const auto troubles = [](const Stream& one) { return one.at_end ? 0 : one.troubles; };
    if (const int most = std::max(troubles(streams[0]), troubles(streams[1])); most > 0)
        return std::min(kMostRest, kLeastRest * (1 << std::min(most - 1, 5)));
    const int quiet = std::min(streams[0].quiet, streams[1].quiet);
    if (over) return kFirstLook * (1 << std::min(quiet, 2));
    return std::min(kLongestPause, kFirstPause * (1 << std::min(quiet, 5)));
}

}  // namespace weir::gateway
