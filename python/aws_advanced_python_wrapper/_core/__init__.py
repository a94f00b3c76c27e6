# SPDX-License-Identifier: Apache-2.0
"""What the faces of all drivers are made of; knows no driver."""
