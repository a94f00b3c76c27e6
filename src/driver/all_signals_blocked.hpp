// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

namespace aws_wrapper {

/// While it lives, the calling thread takes no signals, nor do threads that it starts ever: they
/// begin with the signals of the one that starts them. Signals belong to the application's threads.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace aws_wrapper
