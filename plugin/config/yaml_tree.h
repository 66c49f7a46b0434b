// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/config/problem.h"

namespace weir::config {

struct YamlNode;

// A value where it stands in a map or list.
struct Child {
    std::string key;  // in a map
    int key_line = 0;
    int line = 0;  // of the value; of its alias, where it is one
    const YamlNode* node = nullptr;
};

struct YamlNode {
    enum class Kind { kNull, kScalar, kList, kMap };
    Kind kind = Kind::kNull;
    int line = 0;
    bool in_quotes = false;  // a scalar written with quotes
    std::string text;        // of a scalar
    std::vector<Child> children;
    std::size_t weight = 1;  // values in it, aliases counted as what they stand for
};

// One YAML document with its lines. Aliases share a node.
struct Tree {
    std::deque<YamlNode> nodes;
    const YamlNode* root = nullptr;  // absent: the document is empty
};

// The document that the text holds. Absent when it holds none that could be read further, with the reason in
// `problems`; duplicate keys, keys that are no text and tags are told there too, and the tree goes on.
// Bounded: 32 levels, 100,000 values after aliases.
std::optional<Tree> read_tree(std::string_view text, Problems& problems);

}  // namespace weir::config
