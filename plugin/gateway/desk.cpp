// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/desk.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <thread>

namespace weir::gateway {
namespace {

constexpr std::uint64_t kListener = 1;
constexpr std::uint64_t kBell = 2;
constexpr std::size_t kMostVisitors = 20'000;
constexpr std::size_t kMostOfOne = 5'000;         // of one user, that others find room
constexpr std::int64_t kMostLuggage = 16 << 20;   // bytes of script, and of environment
constexpr int kWait = 1000;                       // ms
constexpr std::chrono::milliseconds kNoRoom{50};  // for one more open file: others are served meanwhile

bool watch(int poll, int descriptor, std::uint64_t number, std::uint32_t events, int how) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    return ::epoll_ctl(poll, how, descriptor, &event) == 0;
}

// Reading and writing others could make a thread wait for ever.
bool regular(int file) {
    struct stat info {};
    return ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
}

// All of a file that a relay handed over.
Result<std::string> contents(int file) {
    struct stat info {};
    if (::fstat(file, &info) != 0) return failure("what was handed over is no file");
    if (info.st_size > kMostLuggage) return failure("script or environment is larger than 16 MiB");
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

}  // namespace

Result<std::unique_ptr<Desk>> Desk::open(const std::string& socket, Board& board, Counter& counter) {
    auto listener = listen_at(socket);
    if (!listener) return tl::make_unexpected(listener.error());
    Descriptor poll(::epoll_create1(EPOLL_CLOEXEC));
    Descriptor bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!poll || !bell || !watch(poll.get(), listener->get(), kListener, EPOLLIN, EPOLL_CTL_ADD) ||
        !watch(poll.get(), bell.get(), kBell, EPOLLIN, EPOLL_CTL_ADD))
        return failure("epoll: " + std::generic_category().message(errno));
    return std::unique_ptr<Desk>(
        new Desk(std::move(poll), std::move(*listener), std::move(bell), board, counter));
}

void Desk::wake() const {
    const std::uint64_t one = 1;
    if (::write(bell_.get(), &one, sizeof one) < 0) return;  // it has been rung already
}

void Desk::run(const std::atomic<bool>& stopping) {
    std::array<epoll_event, 128> events{};
    while (!stopping) {
        const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), kWait);
        for (int i = 0; i < count; ++i) {
            const std::uint64_t number = events.at(static_cast<std::size_t>(i)).data.u64;
            if (number == kListener) {
                let_in();
            } else if (number == kBell) {
                std::uint64_t rung = 0;
                if (::read(bell_.get(), &rung, sizeof rung) < 0) continue;
            } else {
                listen_to(number);
            }
        }
        deliver();
    }
}

bool Desk::crowds(std::uint32_t uid) const {
    const auto theirs = [uid](const auto& entry) { return entry.second.uid == uid; };
    return visitors_.size() >= kMostOfOne &&
           std::ranges::count_if(visitors_, theirs) >= static_cast<std::ptrdiff_t>(kMostOfOne);
}

void Desk::let_in() {
    while (true) {
        Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kNoRoom);
            return;
        }
        Channel channel(std::move(socket));
        const auto uid = channel.peer();
        if (!uid || visitors_.size() >= kMostVisitors || crowds(*uid)) continue;
        const std::uint64_t number = ++last_;
        if (!watch(poll_.get(), channel.descriptor(), number, EPOLLIN, EPOLL_CTL_ADD)) continue;
        visitors_.emplace(number, Visitor{std::move(channel), *uid, 0, {}, false});
    }
}

void Desk::listen_to(std::uint64_t number) {
    while (true) {
        const auto found = visitors_.find(number);
        if (found == visitors_.end()) return;
        auto message = found->second.channel.receive();
        if (!message) return dismiss(number);
        if (!*message) return;
        // A relay may say anything: what is not as agreed ends its connection and nothing else.
        try {
            take(number, found->second, std::move(**message));
        } catch (const std::exception& error) {
            spdlog::warn("a relay of uid {}: {}", found->second.uid, error.what());
            return dismiss(number);
        }
    }
}

// Under the lock: what is known of the copy that this visitor is the relay of; null if it is of none.
Live* Desk::served(std::uint64_t number, const Visitor& visitor) {
    if (visitor.job == 0 || board_.records().find(visitor.job) == nullptr) return nullptr;
    Live& live = board_.live(visitor.job);
    return live.connection == number ? &live : nullptr;
}

void Desk::take(std::uint64_t number, Visitor& visitor, Message message) {
    const std::string kind = message.kind();
    if (!std::ranges::all_of(message.files, [](const Descriptor& file) { return regular(file.get()); }))
        throw std::runtime_error("what was handed over is no file");
    if (kind == "run") {
        if (message.files.size() != 2) throw std::runtime_error("no script and no environment");
        auto script = contents(message.files[0].get());
        auto environment = contents(message.files[1].get());
        if (!script || !environment)
            throw std::runtime_error((!script ? script : environment).error().message);
        visitor.job = message.what.at("job").get<std::uint32_t>();
        auto luggage = std::make_shared<const Luggage>(Luggage{std::move(*script), std::move(*environment)});
        const std::scoped_lock hold(board_.lock());
        counter_.present.insert(number);
        counter_.guests.push_back({number, visitor.uid, std::move(message.what), std::move(luggage)});
        board_.stir();
        return;
    }
    const std::scoped_lock hold(board_.lock());
    Live* live = served(number, visitor);
    if (live == nullptr) return;
    live->heard = Clock::now();
    if (kind == "wrote") {
        const auto index = message.what.at("stream").get<std::size_t>();
        live->streams.at(index).written = message.what.at("offset").get<std::int64_t>();
    } else if (kind == "signal") {
        counter_.alarms.push_back({visitor.job, message.what.at("number").get<int>()});
        board_.stir();
    } else if (kind == "bye") {
        live->lost = message.what.value("missing", std::int64_t{0}) > 0;
    } else if (kind != "alive") {
        auto& answers = board_.answers()[visitor.job];
        if (answers.size() < 8) answers.push_back(std::move(message));
        board_.answered().notify_all();
    }
}

void Desk::deliver() {
    std::deque<std::pair<std::uint64_t, Letter>> letters;
    {
        const std::scoped_lock hold(board_.lock());
        letters.swap(board_.letters());
    }
    for (auto& [number, letter] : letters) {
        const auto found = visitors_.find(number);
        if (found != visitors_.end()) found->second.waiting.push_back(std::move(letter));
    }
    std::vector<std::uint64_t> gone;
    for (auto& [number, visitor] : visitors_)
        if (!visitor.waiting.empty() && !send(number, visitor)) gone.push_back(number);
    for (const std::uint64_t number : gone) dismiss(number);
}

// Whether the visitor is still there.
bool Desk::send(std::uint64_t number, Visitor& visitor) {
    while (!visitor.waiting.empty()) {
        auto sent = visitor.channel.send(visitor.waiting.front().what, visitor.waiting.front().bytes);
        if (!sent && sent.error().code != EAGAIN) return false;
        if (!sent) break;
        visitor.waiting.pop_front();
    }
    const bool wants_room = !visitor.waiting.empty();
    if (wants_room != visitor.wants_room)
        watch(poll_.get(), visitor.channel.descriptor(), number, wants_room ? EPOLLIN | EPOLLOUT : EPOLLIN,
              EPOLL_CTL_MOD);
    visitor.wants_room = wants_room;
    return true;
}

void Desk::dismiss(std::uint64_t number) {
    const auto found = visitors_.find(number);
    if (found == visitors_.end()) return;
    {
        const std::scoped_lock hold(board_.lock());
        if (Live* live = served(number, found->second)) {
            live->connection = 0;
            const Record* record = board_.records().find(found->second.job);
            if (record != nullptr && !live->told_done) {
                Record kept = *record;
                for (std::size_t i = 0; i < live->streams.size(); ++i)
                    kept.delivered[i] = live->streams[i].written;
                board_.put(kept);
            }
        }
        counter_.present.erase(number);
        std::erase_if(counter_.guests, [&](const Guest& guest) { return guest.connection == number; });
        board_.answered().notify_all();
    }
    visitors_.erase(found);
}

}  // namespace weir::gateway
