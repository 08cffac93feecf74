//! Classes as their teachers see them, and what an infant signs in with.

use model::Timestamp;

/// The classes that somebody may run.
#[derive(Clone, Debug)]
pub struct ClassesView {
    /// The classes, by name.
    pub classes: Vec<ClassRow>,
    /// True where these are a teacher's own and nobody else's.
    pub own_only: bool,
}

/// One class of the list.
#[derive(Clone, Debug)]
pub struct ClassRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The school that it is at.
    pub school: String,
    /// How many learn in it.
    pub learners: usize,
    /// Until when its badges count; `None`: they do not.
    pub open_until: Option<Timestamp>,
}

/// One class.
#[derive(Clone, Debug)]
pub struct ClassView {
    /// As in the list.
    pub row: ClassRow,
    /// The open window; `None`: badges do not count now.
    pub window: Option<WindowView>,
    /// Its learners, by surname.
    pub learners: Vec<LearnerRow>,
    /// The network that whoever looks is on, in words; empty outside the school's networks.
    pub here: String,
    /// True where one of the learners may have a badge.
    pub may_make_badges: bool,
}

/// A window in which the badges of a class count.
#[derive(Clone, Debug)]
pub struct WindowView {
    /// Until when.
    pub until: Timestamp,
    /// Seconds from now to then.
    pub seconds_left: u64,
    /// Where: one network, or all of the school's.
    pub place: String,
    /// Who opened it.
    pub opened_by: String,
}

/// One learner of a class.
#[derive(Clone, Debug)]
pub struct LearnerRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// The name to sign in with; empty where they have no account.
    pub login: String,
    /// Their year group; empty where none is known.
    pub year: String,
    /// Since when they have the badge that they have.
    pub badge_since: Option<Timestamp>,
    /// True where the policy gives their phase badges and they have an account that may be used.
    pub may_have_badge: bool,
    /// True where they have pictures to sign in with.
    pub has_pictures: bool,
    /// True where the policy gives their phase pictures.
    pub may_have_pictures: bool,
    /// True where a sealed record of their password is kept.
    pub has_record: bool,
    /// When they last signed in with anything.
    pub last_signed_in: Option<Timestamp>,
    /// True where whoever looks may give them a password, a badge or pictures.
    pub may_reset: bool,
}

/// A badge to print, which is shown this once.
#[derive(Clone)]
pub struct BadgeView {
    /// Whose, by first name alone.
    pub first_name: String,
    /// What stands behind the `#` of the address in the QR code.
    pub fragment: String,
    /// The short code for a device without a camera.
    pub code: String,
}

/// Badges to print.
#[derive(Clone)]
pub struct BadgesView {
    /// The class.
    pub class: String,
    /// The badges, in the order of the class.
    pub badges: Vec<BadgeView>,
    /// From when on they do not work any more.
    pub expires: Timestamp,
}

/// The page on which a child names themselves by their first name, before the pictures.
#[derive(Clone, Debug)]
pub struct PicturesView {
    /// Children of the classes that may sign in here now and have pictures: an id and a first name.
    pub children: Vec<(String, String)>,
    /// One kind sentence where nobody can; empty otherwise.
    pub problem: String,
    /// True where somebody's badge counts here now.
    pub badge: bool,
}

/// What the youngest can sign in to the web with at an address now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct InfantWaysView {
    /// True where a badge counts.
    pub badge: bool,
    /// True where pictures count.
    pub pictures: bool,
}

/// A child's new pictures, which are shown this once.
#[derive(Clone)]
pub struct NewPicturesView {
    /// Whose.
    pub name: String,
    /// The pictures in order, each 0 to 11.
    pub pictures: [u8; 3],
}

/// A sealed record, opened.
#[derive(Clone)]
pub struct OpenedRecordView {
    /// Whose.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: String,
    /// Who looks.
    pub reader: String,
    /// When.
    pub at: Timestamp,
}
