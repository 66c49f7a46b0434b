// SPDX-License-Identifier: GPL-2.0-or-later
// weir-relay: stands in the place of a job's batch script on a gateway node, as the job's user. It runs
// nothing of the user's and holds no credential; it opens the user's files and writes the output that the
// gateway brings.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <optional>
#include <set>
#include <system_error>

#include "plugin/config/words.h"
#include "plugin/gateway/channel.h"
#include "plugin/gateway/relay/files.h"
#include "plugin/gateway/relay/output.h"
#include "plugin/gateway/relay/variables.h"
#include "plugin/spank/stage_names.h"

namespace {

using namespace weir;
using namespace weir::gateway;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kReconnect{500};
constexpr std::chrono::seconds kAlive{5};
constexpr std::array kForwarded{SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGURG};

struct Options {
    std::string socket;
    int environment = -1;
    std::uint32_t job = 0;
    std::string node;
    std::vector<std::string> script;  // and its arguments
};

// A line for the user, where his script's errors would stand.
void say(const std::string& text) {
    const std::string line = "weir: " + text + "\n";
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nobody else could be told
}

std::string contents_of(int file) {
    std::string text;
    std::array<char, 65536> part{};
    off_t at = 0;
    for (ssize_t got = 0; (got = ::pread(file, part.data(), part.size(), at)) > 0; at += got)
        text.append(part.data(), static_cast<std::size_t>(got));
    return text;
}

bool same_file(int one, int other) {
    struct stat first {};
    struct stat second {};
    return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

class Relay {
  public:
    explicit Relay(Options options) : options_(std::move(options)) {
        block_ = contents_of(options_.environment);
        stage_in_ = comma_list(variable(block_, "SLURM_WEIR_STAGE_IN"));
        stage_out_ = comma_list(variable(block_, "SLURM_WEIR_STAGE_OUT"));
        // Slurm has emptied the file by now, unless output is appended to what an earlier run of the job
        // left.
        struct stat info {};
        append_ = ::fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
    }

    int run(int signals);

  private:
    std::string unsendable() const;
    bool connect();
    bool take(const Message& message);
    void take_output(const Message& message);
    void write_out();
    void end(const Message& message);
    void offer_next();
    void create(const Message& message);
    void close_file();
    void say_alive();
    void pass_on(int signal);
    std::chrono::milliseconds rest() const;
    void lost(const std::string& why);
    bool answer(const json& what, const std::vector<int>& files = {});
    void reply(json what, const std::vector<int>& files = {});

    Options options_;
    std::string block_;
    std::vector<std::string> stage_in_;
    std::vector<std::string> stage_out_;
    bool append_ = false;
    std::optional<Channel> channel_;
    Clock::time_point next_try_{};
    Clock::time_point next_alive_{};
    bool told_of_silence_ = false;
    bool ran_before_ = false;
    std::string name_;  // of the copy, as the gateway told
    std::array<Output, 2> outputs_{Output{STDOUT_FILENO}, Output{STDERR_FILENO}};
    std::set<int> unsent_;  // signals
    std::optional<StageIn> walk_;
    std::optional<Incoming> incoming_;
    std::uint64_t ticket_ = 0;  // of the question that was asked last
    std::optional<int> exit_;
    int end_signal_ = 0;

  public:
    int end_signal() const { return end_signal_; }
};

void Relay::lost(const std::string& why) {
    channel_.reset();
    walk_.reset();
    incoming_.reset();
    for (Output& output : outputs_) output.restart(output.written());  // what was held comes again
    next_try_ = Clock::now() + kReconnect;
    if (!told_of_silence_) say("the gateway does not answer (" + why + "); waiting for it");
    told_of_silence_ = true;
}

bool Relay::answer(const json& what, const std::vector<int>& files) {
    if (!channel_) return false;
    auto sent = channel_->send(what, {}, files);
    if (sent) return true;
    if (sent.error().code != EMSGSIZE) {
        lost(sent.error().message);
        return false;
    }
    // It would be as long the next time.
    say("this job cannot be sent: its arguments and paths are too long (" + sent.error().message + ")");
    exit_ = 1;
    return false;
}

// To the question that was asked last.
void Relay::reply(json what, const std::vector<int>& files) {
    what["ticket"] = ticket_;
    answer(what, files);
}

// Why the gateway cannot be told what the job is; empty if it can.
std::string Relay::unsendable() const {
    const auto strange = [](const std::string& text) { return !config::is_utf8(text); };
    if (std::any_of(options_.script.begin() + 1, options_.script.end(), strange))
        return "an argument of its script is no UTF-8";
    for (const auto* paths : {&stage_in_, &stage_out_})
        if (const auto found = std::ranges::find_if(*paths, strange); found != paths->end())
            return config::in_quotes(*found) + " is no UTF-8";
    return spank::clash(stage_in_);
}

bool Relay::connect() {
    next_try_ = Clock::now() + kReconnect;
    auto made = connect_to(options_.socket);
    if (!made) {
        lost(made.error().message);
        return false;
    }
    const Descriptor script(::open(options_.script.front().c_str(), O_RDONLY | O_CLOEXEC));
    if (!script) {
        say("the job's script cannot be read: " + std::generic_category().message(errno));
        exit_ = 1;
        return false;
    }
    channel_.emplace(std::move(*made));
    return answer(
        {{"do", "run"},
         {"version", 1},
         {"job", options_.job},
         {"node", options_.node},
         {"arguments", std::vector<std::string>(options_.script.begin() + 1, options_.script.end())},
         {"one_output", same_file(STDOUT_FILENO, STDERR_FILENO)},
         {"append", append_},
         {"again", ran_before_},
         {"name", name_},
         {"written", {outputs_[0].written(), outputs_[1].written()}},
         {"stage_in", stage_in_},
         {"stage_out", stage_out_},
         {"signals", std::vector<int>(unsent_.begin(), unsent_.end())}},
        {script.get(), options_.environment});
}

void Relay::pass_on(int signal) {
    unsent_.insert(signal);
    if (channel_ && answer({{"do", "signal"}, {"number", signal}})) unsent_.erase(signal);
}

void Relay::take_output(const Message& message) {
    outputs_[message.what.value("stream", 0) == 1 ? 1 : 0].take(message.what.value("offset", std::int64_t{0}),
                                                                message.bytes);
    write_out();
}

void Relay::write_out() {
    for (std::size_t stream = 0; stream < outputs_.size(); ++stream) {
        Output& output = outputs_[stream];
        const auto before = output.written();
        output.flush();
        if (output.written() != before)
            answer({{"do", "wrote"}, {"stream", stream}, {"offset", output.written()}});
    }
}

void Relay::end(const Message& message) {
    const std::string text = message.what.value("said", "");
    if (!text.empty()) say(text);
    const std::int64_t missing = outputs_[0].missing() + outputs_[1].missing();
    if (missing > 0)
        say(std::to_string(missing) + " bytes of output could not be written here; all of it is left " +
            message.what.value("left", ""));
    exit_ = message.what.value("exit", 1);
    end_signal_ = message.what.value("signal", 0);
    answer({{"do", "bye"}, {"missing", missing}});
}

void Relay::offer_next() {
    auto next = walk_->next([this] { say_alive(); });
    if (!next) {
        reply({{"do", "in_error"}, {"text", next.error().message}});
    } else if (!*next) {
        reply({{"do", "in_end"}, {"skipped", walk_->skipped()}, {"more", walk_->more_skipped()}});
    } else {
        reply({{"do", "in"},
               {"name", (*next)->name},
               {"size", (*next)->size},
               {"executable", (*next)->executable}},
              {(*next)->file.get()});
    }
}

void Relay::create(const Message& message) {
    auto made = Incoming::create(message.what.value("name", ""), name_.substr(name_.rfind('.') + 1),
                                 message.what.value("executable", false));
    if (!made) {
        reply({{"do", "out_error"}, {"text", made.error().message}, {"full", is_full(made.error().code)}});
        return;
    }
    incoming_.emplace(std::move(*made));
    const auto have = incoming_->size();
    reply({{"do", "created"}, {"have", have ? *have : 0}}, {incoming_->file()});
}

void Relay::close_file() {
    Result<void> finished = incoming_ ? incoming_->finish() : failure("no file is open");
    incoming_.reset();
    if (finished)
        reply({{"do", "closed"}});
    else
        reply({{"do", "out_error"},
               {"text", finished.error().message},
               {"full", is_full(finished.error().code)}});
}

// Whether the job goes on.
bool Relay::take(const Message& message) {
    const std::string kind = message.kind();
    ticket_ = message.what.value("ticket", ticket_);
    if (kind == "say") {
        say(message.what.value("text", ""));
    } else if (kind == "welcome") {
        name_ = message.what.value("name", "");
        outputs_[0].restart(message.what.value("output", outputs_[0].written()));
        outputs_[1].restart(message.what.value("errors", outputs_[1].written()));
        ran_before_ = true;
        told_of_silence_ = false;
        unsent_.clear();
    } else if (kind == "output") {
        take_output(message);
    } else if (kind == "first_in") {
        walk_.emplace(stage_in_);
        offer_next();
    } else if (kind == "next_in" && walk_) {
        offer_next();
    } else if (kind == "create") {
        create(message);
    } else if (kind == "close") {
        close_file();
    } else if (kind == "refused" || kind == "done") {
        end(message);
    }
    return !exit_;
}

// A line that is down is noticed by whatever is read or said next.
void Relay::say_alive() {
    if (!channel_ || Clock::now() < next_alive_) return;
    static_cast<void>(channel_->send({{"do", "alive"}}));
    next_alive_ = Clock::now() + kAlive;
}

// How long nothing is to be done, unless somebody asks.
std::chrono::milliseconds Relay::rest() const {
    if (!channel_ || outputs_[0].missing() + outputs_[1].missing() > 0) return kReconnect;
    const auto alive = std::chrono::ceil<std::chrono::milliseconds>(next_alive_ - Clock::now());
    return std::max(alive, std::chrono::milliseconds(0));
}

int Relay::run(int signals) {
    if (const std::string why = unsendable(); !why.empty()) {
        say("this job cannot be sent: " + why + "; nothing of it was run");
        return 1;
    }
    while (!exit_) {
        if (!channel_ && Clock::now() >= next_try_) connect();
        if (exit_) break;
        std::array<pollfd, 2> wanted{pollfd{signals, POLLIN, 0},
                                     pollfd{channel_ ? channel_->descriptor() : -1, POLLIN, 0}};
        ::poll(wanted.data(), wanted.size(), static_cast<int>(rest().count()));
        signalfd_siginfo got{};
        while (::read(signals, &got, sizeof got) == sizeof got) pass_on(static_cast<int>(got.ssi_signo));
        while (channel_ && !exit_) {
            auto message = channel_->receive();
            if (!message) {
                lost(message.error().message);
            } else if (!*message || !take(**message)) {
                break;
            }
        }
        write_out();
        say_alive();
    }
    return *exit_;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Stands for a job at a gateway node; started by spank_weir, never by hand.");
    app.add_option("--socket", options.socket)->required();
    app.add_option("--environment-fd", options.environment)->required();
    app.add_option("--job", options.job)->required();
    app.add_option("--node", options.node)->required();
    app.add_option("script", options.script)->required();
    app.positionals_at_end();
    CLI11_PARSE(app, argc, argv);

    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // limits of the user's session come along; what cannot be written is told
    sigset_t caught;
    sigemptyset(&caught);
    for (const int number : kForwarded) sigaddset(&caught, number);
    ::sigprocmask(SIG_BLOCK, &caught, nullptr);
    const int signals = ::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);

    int status = 1;
    int signal = 0;
    try {
        Relay relay(std::move(options));
        status = relay.run(signals);
        signal = relay.end_signal();
    } catch (const std::exception& error) {
        say(std::string("the relay failed: ") + error.what());
    }
    if (signal > 0) {
        // As the copy ended.
        ::signal(signal, SIG_DFL);
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, signal);
        ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
        ::raise(signal);
    }
    return status;
}
