//! What can go wrong at start, by what happened. What goes wrong with a message is [`crate::Trouble`].

/// Why nothing could be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The address that messages lead to is not one.
    #[error("expected the console's address as https://HOST, found {found}")]
    Console {
        /// What was given.
        found: String,
    },
    /// A mail address does not read.
    #[error("expected a mail address, found {found}")]
    MailAddress {
        /// What was given.
        found: String,
    },
    /// A mail would go out unencrypted to a relay that may not be this school's, or with a password.
    #[error(
        "expected TLS, or a relay named by a private address and no login; found an unencrypted relay at {found}"
    )]
    PlainRelay {
        /// The relay.
        found: String,
    },
    /// The relay's name is not one that a certificate can be for.
    #[error("expected a relay's name or address, found {found}")]
    Relay {
        /// What was given.
        found: String,
    },
    /// A receiver's address is not one; it may hold a key and is not repeated.
    #[error("expected an https address for the receiver {name}, found another text")]
    ReceiverAddress {
        /// The receiver's name in the configuration.
        name: String,
    },
    /// A signing secret is too short to prove anything.
    #[error("expected a signing secret of at least {least} bytes, found {found}")]
    WeakSecret {
        /// The fewest bytes.
        least: usize,
        /// How many there were.
        found: usize,
    },
    /// A certificate to trust does not read.
    #[error("a certificate that receivers should be trusted by does not read: {0}")]
    Root(String),
}
