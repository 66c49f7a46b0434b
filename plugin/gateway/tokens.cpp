// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/tokens.h"

#include <fstream>
#include <iterator>

#include "plugin/config/secret.h"
#include "plugin/gateway/command.h"
#include "plugin/gateway/rest/token.h"

namespace weir::gateway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kCommandPatience{20};
constexpr std::chrono::milliseconds kCommandAtOnce{500};
constexpr std::chrono::seconds kCommandRest{10};  // between two runs of it for one account
constexpr std::chrono::seconds kMargin{30};       // before a token runs out

bool runs_out_within(const std::string& token, std::chrono::seconds time) {
    const auto until = rest::good_until(token);
    return until && *until <= std::chrono::system_clock::now() + time;
}

}  // namespace

Result<std::string> token_in(const std::string& text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    constexpr std::string_view kName = "SLURM_JWT=";
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string::npos) return failure("is empty");
    std::string word = text.substr(begin, text.find_first_of(kBlanks, begin) - begin);
    if (word.starts_with(kName)) word.erase(0, kName.size());
    if (text.find_first_not_of(kBlanks, text.find_first_of(kBlanks, begin)) != std::string::npos)
        return failure("holds more than one word where a token is expected");
    for (const char c : word)
        if (c < '!' || c > '~') return failure("holds a character that no token has");
    if (word.empty()) return failure("is empty");
    return word;
}

Result<void> Tokens::read_file(const std::string& account, Token& token) {
    const std::string path = config::for_account(site_.token_file, account);
    std::error_code failed;
    const auto time = std::filesystem::last_write_time(path, failed);
    if (!failed && !token.text.empty() && time == token.file_time) return {};
    if (auto safe = config::check_secret(path); !safe) return safe;
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto word = token_in(text);
    if (!word) return in_context(path, word.error());
    token.text = *word;
    token.since = Clock::now();
    token.file_time = time;
    token.stale = false;
    return {};
}

// The token that the command prints. One that takes long goes on beside, so that other accounts do not wait.
Result<std::string> Tokens::run_command(const std::string& account, Token& token) {
    if (!token.running.valid()) {
        std::vector<std::string> command;
        for (const std::string& word : site_.token_command)
            command.push_back(config::for_account(word, account));
        token.running = std::async(std::launch::async, [command = std::move(command)] {
            return output_of(command, kCommandPatience).and_then(token_in);
        });
        token.running.wait_for(kCommandAtOnce);
    }
    if (token.running.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
        return failure("it has not ended yet");
    return token.running.get();
}

Result<void> Tokens::renew(const std::string& account, Token& token) {
    if (!token.running.valid() && Clock::now() < token.next_command)
        return failure(token.problem.empty() ? "the token command is not run again yet" : token.problem);
    auto word = run_command(account, token);
    token.next_command = Clock::now() + kCommandRest;
    token.problem = word ? "" : "token_command for " + account + ": " + word.error().message;
    if (!word) return failure(token.problem);
    token.text = *word;
    token.since = Clock::now();
    token.stale = false;
    return {};
}

// Whether another one is wanted. One that has run out is not waited to be refused: up to 23.11 a site does
// not say why it does not answer.
bool Tokens::old(const Token& token) const {
    if (token.text.empty() || token.stale) return true;
    if (site_.token_renew.count() > 0 && Clock::now() - token.since > site_.token_renew) return true;
    return runs_out_within(token.text, kMargin);
}

Result<std::string> Tokens::of(const std::string& account) {
    Token& token = tokens_[account];
    Result<void> got;
    if (!site_.token_file.empty() && (old(token) || site_.token_command.empty()))
        got = read_file(account, token);
    if ((old(token) || !got) && !site_.token_command.empty()) got = renew(account, token);
    if (token.text.empty())
        return got ? failure("no token for " + account) : tl::make_unexpected(got.error());
    if (!got && runs_out_within(token.text, std::chrono::seconds(0))) return tl::make_unexpected(got.error());
    return token.text;
}

void Tokens::refused(const std::string& account) {
    tokens_[account].stale = true;
}

}  // namespace weir::gateway
