//! What can go wrong with rules and saved states.

/// Why rules or a saved state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// A file of rules is no such TOML.
    #[error("{file} cannot be read: {error}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong, with its line.
        error: Box<toml::de::Error>,
    },
    /// A pattern of a rule cannot be read.
    #[error("rule {rule}: {error}")]
    Pattern {
        /// The rule's id, or the name of the contexts.
        rule: String,
        /// What is wrong.
        error: text::pattern::PatternError,
    },
    /// A name that stands for nothing: a theme, a severity, a category.
    #[error("{place}: \u{201c}{name}\u{201d} is no {what}")]
    Name {
        /// Where it stands.
        place: String,
        /// The name.
        name: String,
        /// What was expected.
        what: &'static str,
    },
    /// Two rules with one id, or more rules than can be counted.
    #[error("rule {0}: the id is taken, or there are too many rules")]
    Id(String),
    /// A saved state of another form, or one that is cut or broken.
    #[error("the saved state of monitoring cannot be read: form {expected} was expected")]
    State {
        /// The form that this program writes.
        expected: u16,
    },
}
