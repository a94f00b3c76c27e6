// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

class NameLookups;
struct LookUp;

/// Numeric addresses of a host name in the system's order, never none; or why they aren't known,
/// in words that don't repeat the name. A failure of code `unsupported` is one of our own side (no
/// descriptor, memory or thread was to be had, too many look-ups are stuck) and says nothing about
/// the name; `stopped`: the process is exiting.
using Addresses = tl::expected<std::vector<std::string>, Failure>;

/// Who comes first when more names wait than are looked up at once.
enum class Urgency {
    usual,
    first,  ///< before all that are usual: the writer's name
};

/// Somebody's wait for the addresses of a host name. The process looks names up on threads of its
/// own, within the bounds that NameLookups tells, and once for all that wait for the same name.
///
/// Used by one thread at a time. In a forked child, what was begun before the fork has failed.
class NameLookup {
public:
    /// Begins; doesn't wait. A name that is a numeric address is its own answer.
    explicit NameLookup(const std::string& name, Urgency urgency = Urgency::usual);

    /// The same in look-ups that may be a test's. `on_answer` is called once, on any thread and
    /// before the constructor returns if the answer is there already; never once close() has
    /// returned. It has to be short, and calls nothing of this class.
    NameLookup(std::shared_ptr<NameLookups> lookups,
               const std::string& name,
               Urgency urgency,
               std::function<void()> on_answer);

    ~NameLookup();
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

    /// The answer, which lives as long as this object; null if it isn't there yet after that
    /// time. Doesn't wait at all for a `length` of 0. At exit it is there at once.
    const Addresses* wait(Duration length);

    /// Nobody waits here any more. Repeatable.
    void close() noexcept;

private:
    friend class NameLookups;
    bool of_parent() const noexcept;

    const std::shared_ptr<NameLookups> lookups_;
    const std::function<void()> on_answer_;
    std::shared_ptr<LookUp> look_up_;
};

}  // namespace aws_wrapper
