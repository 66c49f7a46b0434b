// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::size_t kMaxLevels = 32;
constexpr std::size_t kMaxValues = 100'000;

int line_of(const YAML::Mark& mark) {
    return mark.line + 1;
}

// Builds a tree from the parser's events. Unlike YAML::Node it sees every key of a map and where an alias
// stands. What ends the reading is thrown as a Problem.
class Builder : public YAML::EventHandler {
  public:
    explicit Builder(Problems& problems) : problems_(problems) {}

    Tree take() { return std::move(tree_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) throw Problem{line_of(mark), "", "a second document begins here: keep one"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(YamlNode::Kind::kNull, mark, anchor), line_of(mark));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const YamlNode* node = anchors_.at(anchor);
        for (const Frame& frame : frames_) {
            if (frame.node == node)
                throw Problem{line_of(mark), here(), "alias inside the very value it stands for"};
        }
        count(node->weight, mark);
        add(node, line_of(mark));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        YamlNode* node = make(YamlNode::Kind::kScalar, mark, anchor);
        node->in_quotes = tag == "!";
        node->text = value;
        check_tag(mark, tag);
        add(node, line_of(mark));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::kList, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::kMap, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

  private:
    // A list or map that is being read.
    struct Frame {
        YamlNode* node;
        std::string path;
        std::map<std::string, int> keys = {};  // with their lines
        bool has_key = false;                  // the next value belongs to `key`
        bool key_is_text = false;
        std::string key = {};
        int key_line = 0;
    };

    void count(std::size_t values, const YAML::Mark& mark) {
        values_ += values;
        if (values_ > kMaxValues) throw Problem{line_of(mark), "", "more than 100000 values"};
    }

    YamlNode* make(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        count(1, mark);
        YamlNode& node = tree_.nodes.emplace_back();
        node.kind = kind;
        node.line = line_of(mark);
        if (anchor != 0) anchors_[anchor] = &node;
        return &node;
    }

    // The path of what comes next.
    std::string here() const {
        if (frames_.empty()) return {};
        const Frame& frame = frames_.back();
        if (frame.node->kind == YamlNode::Kind::kList)
            return entry_path(frame.path, frame.node->children.size());
        return frame.has_key && frame.key_is_text ? key_path(frame.path, frame.key) : frame.path;
    }

    void check_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        problems_.push_back({line_of(mark), here(), "tags (!) are not supported"});
    }

    void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (frames_.size() == kMaxLevels) throw Problem{line_of(mark), "", "more than 32 levels deep"};
        YamlNode* node = make(kind, mark, anchor);
        check_tag(mark, tag);
        frames_.push_back(Frame{node, here()});
    }

    void close() {
        const YamlNode* node = frames_.back().node;
        frames_.pop_back();
        add(node, node->line);
    }

    void add(const YamlNode* node, int line) {
        if (frames_.empty()) {
            tree_.root = node;
            return;
        }
        Frame& frame = frames_.back();
        frame.node->weight += node->weight;
        if (frame.node->kind == YamlNode::Kind::kList) {
            frame.node->children.push_back({"", line, line, node});
        } else if (!frame.has_key) {
            take_key(frame, *node, line);
        } else {
            frame.has_key = false;
            // A value that is not there has the line of whatever follows it.
            const int value_line = node->kind == YamlNode::Kind::kNull ? frame.key_line : line;
            if (frame.key_is_text)
                frame.node->children.push_back({frame.key, frame.key_line, value_line, node});
        }
    }

    void take_key(Frame& frame, const YamlNode& node, int line) {
        frame.has_key = true;
        frame.key_is_text = node.kind == YamlNode::Kind::kScalar;
        frame.key = node.text;
        frame.key_line = line;
        if (!frame.key_is_text) {
            problems_.push_back({line, frame.path, "a key must be a word"});
        } else if (auto [first, is_new] = frame.keys.try_emplace(node.text, line); !is_new) {
            problems_.push_back({line, key_path(frame.path, node.text),
                                 "duplicate key (first on line " + std::to_string(first->second) + ")"});
        }
    }

    Problems& problems_;
    Tree tree_;
    std::vector<Frame> frames_;
    std::map<YAML::anchor_t, const YamlNode*> anchors_;
    std::size_t values_ = 0;
    int documents_ = 0;
};

// The parser's own words, and what they usually mean.
std::string explained(const std::string& message) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kMeanings{{
        {"illegal map value", "check the indentation, or quote a value that holds \": \""},
        {"end of map not found", "check the indentation and the \":\" of this line and of the one before"},
        {"end of sequence not found",
         "check the indentation and the \"-\" of this line and of the one before"},
        {"end of map flow not found", "a \"}\" or \",\" is missing"},
        {"end of sequence flow not found", "a \"]\" or \",\" is missing"},
        {"illegal EOF in scalar", "a quote is not closed"},
        {"unknown token", "quote a value that begins with a special character"},
    }};
    std::string text = "not valid YAML: " + message;
    for (const auto& [known, meaning] : kMeanings) {
        if (message == known) text += " (" + std::string(meaning) + ")";
    }
    return text;
}

}  // namespace

std::optional<Tree> read_tree(std::string_view text, Problems& problems) {
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        Builder builder(problems);
        while (parser.HandleNextDocument(builder)) {
        }
        return builder.take();
    } catch (const Problem& problem) {
        problems.push_back(problem);
    } catch (const YAML::Exception& error) {
        problems.push_back({line_of(error.mark), "", explained(error.msg)});
    }
    return std::nullopt;
}

}  // namespace weir::config
