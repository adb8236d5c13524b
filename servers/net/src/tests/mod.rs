//! Two hosts on a wire that loses, repeats and reorders frames as the test wishes.

mod host;
mod hostile;
mod sockets;
mod wire;
mod world;
