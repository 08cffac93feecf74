//! Lists from their sources to an image in force, on a real disk and over a real socket.

mod folder;
mod update;
