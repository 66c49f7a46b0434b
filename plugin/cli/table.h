// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/text.h"

namespace weir::cli {

// Aligned columns, two blanks apart, that never exceed the look's width.
class Table {
  public:
    enum class Kind {
        kName,    // to the left; shortened where the table is too wide, longest first
        kText,    // to the left; shown whole
        kNumber,  // to the right; shown whole
    };
    struct Column {
        std::string title;
        Kind kind = Kind::kName;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // One cell a column. What `notes` hold stands below the row, indented, each wrapped.
    void row(std::vector<std::string> cells, std::vector<std::string> notes = {});
    std::string text(const Look& look) const;

  private:
    struct Row {
        std::vector<std::string> cells;
        std::vector<std::string> notes;
    };

    std::vector<std::size_t> widths(const Look& look) const;
    std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const;

    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

}  // namespace weir::cli
