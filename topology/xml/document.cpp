// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/xml/document.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace weir::topology {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr int kMostLevels = 64;
constexpr int kMostElements = 200'000;

// The first element that is too deep or one too many; without recursion, since it may be as deep as it likes.
std::optional<std::pair<pugi::xml_node, std::string>> excess(const pugi::xml_node& root) {
    int level = 1;
    int elements = 0;
    for (pugi::xml_node node = root; node;) {
        if (node.type() == pugi::node_element && ++elements > kMostElements)
            return std::pair(node, "more than " + std::to_string(kMostElements) + " elements");
        if (level > kMostLevels)
            return std::pair(node, "elements more than " + std::to_string(kMostLevels) + " levels deep");
        if (node.first_child()) {
            node = node.first_child();
            ++level;
            continue;
        }
        while (node != root && !node.next_sibling()) {
            node = node.parent();
            --level;
        }
        node = node == root ? pugi::xml_node{} : node.next_sibling();
    }
    return std::nullopt;
}

}  // namespace

Result<Document> Document::parse(std::string text, std::string name) {
    Document document;
    document.name_ = std::move(name);
    if (text.size() > kMostBytes)
        return failure(document.name_ + ": larger than " + std::to_string(kMostBytes >> 20) +
                       " MiB, so no description of one machine");
    document.text_ = std::make_unique<std::string>(std::move(text));
    document.tree_ = std::make_unique<pugi::xml_document>();
    const auto parsed = document.tree_->load_buffer(document.text_->data(), document.text_->size());
    if (!parsed) return failure(document.place_of(parsed.offset) + ": no XML: " + parsed.description());
    if (!document.root()) return failure(document.name_ + ": no XML element in it");
    if (const auto found = excess(document.root()))
        return failure(document.place(found->first) + ": " + found->second);
    return document;
}

Result<Document> Document::read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return failure(path + ": " + std::strerror(errno));
    std::string text(kMostBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return failure(path + ": cannot be read");
    text.resize(static_cast<std::size_t>(file.gcount()));
    return parse(std::move(text), path);
}

std::string Document::place(const pugi::xml_node& element) const {
    return place_of(element.offset_debug());
}

std::string Document::place_of(std::ptrdiff_t offset) const {
    if (offset < 0) return name_;
    const auto end = text_->begin() + std::min<std::ptrdiff_t>(offset, std::ssize(*text_));
    return name_ + ":" + std::to_string(1 + std::count(text_->begin(), end, '\n'));
}

}  // namespace weir::topology
