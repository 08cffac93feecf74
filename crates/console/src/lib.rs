//! The web console: sign-in, the screens, the public report form, and the page on which anybody signs in to use the web.
//!
//! A request is one call into `app` and one flat page; no rule, no SQL and no second trip lives here. [`ROUTES`] is the
//! whole of it: method, path, action, handler.
//!
//! Left out on purpose, as yet: the approval of policies, people, devices and every other screen that has no use case; a
//! second factor.
//!
//! Invariants: no page is open that [`ROUTES`] does not say is for anybody; no form is taken from another site; nothing
//! that was typed becomes markup; every page works without its script.

mod assets;
mod cookie;
mod desk;
mod download;
mod error;
mod extract;
mod front_door;
mod pages;
mod problem;
mod qr;
mod routes;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod samples_access;
#[cfg(test)]
mod samples_classes;
#[cfg(test)]
mod samples_exports;
#[cfg(test)]
mod samples_factors;
#[cfg(test)]
mod samples_history;
#[cfg(test)]
mod samples_holds;
#[cfg(test)]
mod samples_imports;
#[cfg(test)]
mod samples_people;
#[cfg(test)]
mod samples_work;
mod server;
mod templates;
mod words;

pub use error::ConsoleError;
pub use routes::{Access, ROUTES, Route, as_markdown};
pub use server::{Console, ConsoleConfig};
