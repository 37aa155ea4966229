"""Every limit of the WebSocket, each with its reason; tests set them small. Defaults stand here and nowhere else."""

from msgspec import Struct

from kirmash.messages.limits import FRAME_BYTES_MAX


class SocketLimits(Struct, frozen=True, kw_only=True):
    """Counts, bytes and seconds."""

    frame_bytes: int = FRAME_BYTES_MAX
    subscriptions: int = 1_000
    # Mistakes that are not made good by as many right messages: a client that sends rubbish only is let go.
    mistakes: int = 20
    # What may wait for a reader who is slower than the data.
    outbox_messages: int = 1_000
    outbox_bytes: int = 1 << 20
    # What the kernel may hold for one connection besides; by itself it would take some megabytes for each slow reader.
    socket_bytes: int = 256 * 1024
    # Commands of one connection on their way; beyond them nothing more of it is read.
    commands_waiting: int = 2_000
    # Kept of each public channel, of all together, and of how many sessions that have ended.
    kept_updates: int = 1_000
    kept_updates_of_all: int = 200_000
    kept_ended: int = 10
    # Kept of the private lines of each participant, and of the messages (of a commit's or a record's lines) of all
    # together: what thousands have at hand would else take gigabytes.
    kept_private: int = 2_000
    kept_private_of_all: int = 100_000
    heartbeat_seconds: float = 1.0
    # A client gives a sign of life this often, or is taken for gone; it is asked for one by a WebSocket ping before.
    silence_seconds: float = 30.0
    ping_seconds: float = 10.0
    # How long the other side of a closing handshake is waited for.
    closing_seconds: float = 5.0
    # At a stop of the gateway everything is over in so much.
    stop_seconds: float = 0.9
    sweep_seconds: float = 0.25
    # How often it is looked whether a session or key is still good.
    standing_seconds: float = 10.0
