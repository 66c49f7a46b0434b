// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string>

#include "plugin/result.h"

namespace weir::topology {

// An XML file of somebody else's, read with care: at most 16 MiB, 64 levels deep, 200,000 elements. No entity
// of its own is expanded and nothing else is ever opened on its behalf.
class Document {
  public:
    // `name` is what messages call it. Errors tell the line: "FILE:12: ...".
    static Result<Document> parse(std::string text, std::string name);
    static Result<Document> read(const std::string& path);

    pugi::xml_node root() const { return tree_->document_element(); }

    // "FILE:12", where the element begins.
    std::string place(const pugi::xml_node& element) const;

  private:
    std::string place_of(std::ptrdiff_t offset) const;

    std::string name_;
    std::unique_ptr<std::string> text_;
    std::unique_ptr<pugi::xml_document> tree_;
};

}  // namespace weir::topology
