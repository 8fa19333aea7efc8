//! Whole KMEs on real sockets with real certificates.

mod answers;
mod connections;
mod faulty;
mod foreign_client;
mod life;
mod logs;
mod our_client;
mod world;
