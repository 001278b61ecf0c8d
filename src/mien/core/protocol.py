"""The version of the live socket's messages: what a server and its clients must agree on.

docs/live-protocol.md tells the messages, and what happens where the two do not agree.
"""

from typing import Final

# Goes up when a change would break clients.
LIVE_PROTOCOL: Final = 1
# The WebSocket close code for a client of another version; 4000 to 4999 are for applications.
PROTOCOL_MISMATCH_CODE: Final = 4001
