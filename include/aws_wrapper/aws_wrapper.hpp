// SPDX-License-Identifier: Apache-2.0
#pragma once

/// All that a program needs which uses connections. What stands in embed/ is for who writes a face
/// of their own: a way of handing connections to applications.
#include <aws_wrapper/engine.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/event.hpp>
#include <aws_wrapper/failover_report.hpp>
#include <aws_wrapper/host.hpp>
#include <aws_wrapper/profiles.hpp>
#include <aws_wrapper/settings.hpp>
#include <aws_wrapper/topology.hpp>
