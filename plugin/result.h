// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace weir {

// What went wrong, in one sentence: where, what was found, what would do. `code` is Slurm's errno where it
// has one.
struct Error {
    std::string message;
    int code = 0;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(std::string message, int code = 0) {
    return tl::make_unexpected(Error{std::move(message), code});
}

// The same failure, told from where it was met: "context: message".
inline tl::unexpected<Error> in_context(const std::string& context, Error error) {
    error.message = context + ": " + error.message;
    return tl::make_unexpected(std::move(error));
}

}  // namespace weir
