//! Tests of whole KMEs on real sockets with real certificates.

mod answers;
mod connections;
mod failover;
mod faulty;
mod foreign_client;
mod lengths;
mod life;
mod load;
mod logs;
mod our_client;
mod skip;
mod world;
