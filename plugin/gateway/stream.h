// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::gateway {

// How far one output file of a copy has come, and how the looks for more of it went.
struct Stream {
    std::int64_t read = 0;     // bytes fetched from the site and handed to the relay
    std::int64_t written = 0;  // of these, those that the relay has written
    bool at_end = false;       // the copy has ended and there is no more
    int quiet = 0;             // looks in a row that found nothing new
    bool over = false;         // the copy had ended at the last look
    int troubles = 0;          // looks in a row that failed
    int refusals = 0;          // of these, those in a row that would fail again: no line was down
    bool unread = false;       // at its end, since it cannot be read
};

// What a look at an output file came to.
enum class Seen {
    kMore,
    kNothing,
    kTrouble,  // which may pass
    kRefused,  // it cannot be read, or is no file any more
};

// Notes a look. Looks before the copy's end do not tell that its output is whole: a file system may show the
// last lines late.
void note(Stream& stream, Seen seen, bool over);

// There is no such output, or nobody to bring it to.
void note_none(Stream& stream, bool over);

// Until the next look at a copy's two files.
std::chrono::milliseconds rest_after(const std::array<Stream, 2>& streams, bool over);

}  // namespace weir::gateway
