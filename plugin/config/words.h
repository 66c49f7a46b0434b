// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

// Where `text` stops being UTF-8; its size when all of it is.
std::size_t utf8_prefix(std::string_view text);
inline bool is_utf8(std::string_view text) {
    return utf8_prefix(text) == text.size();
}

// The text in double quotes, fit for one line of a message: shortened, control characters and stray bytes as
// \xNN.
std::string in_quotes(std::string_view text);

// The known word that was probably meant; empty when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

// "a, b, c".
std::string joined(const std::vector<std::string_view>& words);

// The paths of a key and of a list entry below `path`: "lend", "lend[0]", "lend[0].name".
std::string key_path(const std::string& path, std::string_view key);
std::string entry_path(const std::string& path, std::size_t index);

}  // namespace weir::config
