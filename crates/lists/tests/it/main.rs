//! Lists from their sources to an image in force, on a real disk and over a real socket.
#![expect(clippy::unwrap_used, reason = "a test ends where its helper does")]

mod explained;
mod folder;
mod https;
mod priority;
mod range;
mod subscriptions;
mod tls_server;
mod transfer;
mod update;
