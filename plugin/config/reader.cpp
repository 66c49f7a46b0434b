// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/reader.h"

#include <algorithm>

#include "plugin/config/words.h"

namespace weir::config {
namespace {

std::string found(const YamlNode& node) {
    switch (node.kind) {
    case YamlNode::Kind::kNull:
        return "nothing";
    case YamlNode::Kind::kScalar:
        return in_quotes(node.text);
    case YamlNode::Kind::kList:
        return "a list";
    case YamlNode::Kind::kMap:
        return "a map";
    }
    return {};
}

}  // namespace

Value::Value(const YamlNode& node, std::string path, int line, Findings& findings)
    : node_(node), path_(std::move(path)), line_(line), findings_(findings) {
    findings_.lines.try_emplace(path_, line_);
}

void Value::problem(std::string message) const {
    findings_.problems.push_back({line_, path_, std::move(message)});
}

void Value::missing(std::string_view wanted) const {
    if (is_null()) {
        problem("has no value: give " + std::string(wanted));
    } else {
        problem("must be " + std::string(wanted) + ", not " + found(node_));
    }
}

Value Value::at(const Child& child, std::string path) const {
    return {*child.node, std::move(path), child.line, findings_};
}

void Value::keys(const Keys& known) const {
    if (is_null()) return;
    if (node_.kind != YamlNode::Kind::kMap) {
        missing("a map of keys");
        return;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, read] : known) names.push_back(name);
    for (const Child& child : node_.children) {
        const std::string path = key_path(path_, child.key);
        const auto key =
            std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == child.key; });
        if (key != known.end()) {
            key->second(at(child, path));
            continue;
        }
        std::string message = "unknown key";
        const bool has_file = std::ranges::find(names, child.key + "_file") != names.end();
        if (const auto near = nearest(child.key, names); child.key == "<<") {
            message = "merge keys are not supported: write the keys out";
        } else if (has_file) {
            message += ": its text stands in a file of its own, which " + child.key + "_file names";
        } else if (!near.empty()) {
            message += " (did you mean " + std::string(near) + "?)";
        } else {
            message += " (known here: " + joined(names) + ")";
        }
        findings_.problems.push_back({child.key_line, path, message});
    }
}

void Value::require(std::string_view key) const {
    if (!is_map() && !is_null()) return;
    if (!has(key)) findings_.problems.push_back({line_, key_path(path_, key), "is required"});
}

bool Value::has(std::string_view key) const {
    return std::any_of(node_.children.begin(), node_.children.end(),
                       [&](const Child& child) { return child.key == key; });
}

void Value::entries(std::string_view wanted,
                    const std::function<void(const std::string& key, const Value&)>& read) const {
    if (is_null()) return;
    if (node_.kind != YamlNode::Kind::kMap) {
        missing(wanted);
        return;
    }
    for (const Child& child : node_.children) read(child.key, at(child, key_path(path_, child.key)));
}

void Value::list(std::string_view wanted, const std::function<void(const Value&)>& read) const {
    if (!is_list()) {
        missing(wanted);
        return;
    }
    for (std::size_t i = 0; i < node_.children.size(); ++i) read(at(node_.children[i], entry_path(path_, i)));
}

std::optional<std::string> Value::text(std::string_view wanted) const {
    if (node_.kind == YamlNode::Kind::kScalar) return node_.text;
    missing(wanted);
    return std::nullopt;
}

std::optional<int> Value::count() const {
    if (node_.kind == YamlNode::Kind::kScalar && node_.in_quotes) {
        problem(in_quotes(node_.text) + " is in quotes: write a whole number without");
        return std::nullopt;
    }
    return as("a whole number", read_count);
}

std::optional<std::size_t> Value::word(const std::vector<std::string_view>& names) const {
    const auto scalar = text("one of " + joined(names));
    if (!scalar) return std::nullopt;
    const auto name = std::find(names.begin(), names.end(), *scalar);
    if (name != names.end()) return static_cast<std::size_t>(name - names.begin());
    const std::string_view near = nearest(*scalar, names);
    problem(in_quotes(*scalar) + " is not one of " + joined(names) +
            (near.empty() ? "" : " (did you mean " + std::string(near) + "?)"));
    return std::nullopt;
}

}  // namespace weir::config
