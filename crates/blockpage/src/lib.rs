//! A verdict and a stage become a page of bytes, in the words for that stage.
//!
//! Left out on purpose: I/O, and every decision. Whoever serves a page has decided already; the console's sign-in and
//! report pages are the console's.
//!
//! Invariants: everything that comes from outside is escaped; no page carries a script or fetches anything; a page for
//! a child never repeats a category's adult title, a list's name, an entry or the host, so that the page itself harms
//! nobody and teaches nobody a name.

mod blocked;
mod notice;
mod origin;
mod scan;
mod style;

pub use blocked::{BlockView, blocked};
pub use notice::{Notice, Page, Part, Picture, Shape};
pub use origin::{CertificateFault, OriginFault, Refusal, bad_certificate, not_possible, origin_failed};
pub use scan::{ScanProgress, scanned, scanning};

/// Where a page can send its reader. Set once, from the school's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Links {
    /// The page on which anybody signs in; shown to people who are not known.
    pub sign_in: Option<String>,
    /// The page on which a wrong block is reported and an opening asked for.
    pub report: Option<String>,
    /// Who at school to turn to, such as "Ms Ash, the safeguarding lead, in room 4". Without it, general words.
    pub trusted_people: Option<String>,
}

impl Links {
    /// Who at school to turn to.
    fn people(&self) -> &str {
        self.trusted_people.as_deref().unwrap_or("your teacher or another adult you trust at school")
    }
}
