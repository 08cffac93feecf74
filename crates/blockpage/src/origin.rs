//! Pages for what the policy allows and the origin spoils: a certificate that is not to be trusted, no answer.

use crate::{Links, Notice, Part};
use model::{Host, Stage};

/// What is wrong with an origin's certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CertificateFault {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It vouches for itself.
    SelfSigned,
    /// It is for another name.
    WrongName,
    /// Nobody we trust vouches for it.
    Untrusted,
    /// It cannot be read, or its signature is wrong.
    Broken,
    /// The site left out a certificate between its own and those we trust, and it could not be fetched.
    Incomplete,
    /// Its issuer has taken it back.
    Revoked,
    /// It demands a fresh proof that it is not revoked, and the site gave none.
    NoProof,
    /// A key or a signature in its chain is too weak to prove anything.
    Weak,
    /// It was not made for a web server.
    WrongPurpose,
    /// Its issuer may not vouch for this name.
    NotAllowed,
}

impl CertificateFault {
    /// The fault in half a sentence for adults.
    pub fn words(self) -> &'static str {
        match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::SelfSigned => "its certificate is self-signed: nobody but itself vouches for it",
            Self::WrongName => "its certificate is for another name",
            Self::Untrusted => "its certificate comes from nobody the school trusts",
            Self::Broken => "its certificate is broken",
            Self::Incomplete => {
                "it leaves out a certificate between its own and those the school trusts, and that one cannot be fetched"
            }
            Self::Revoked => "its certificate was revoked by whoever issued it",
            Self::NoProof => {
                "its certificate demands a fresh proof that it is not revoked, and the site gave none"
            }
            Self::Weak => "its certificate rests on a key or a signature too weak to prove anything",
            Self::WrongPurpose => "its certificate was not made for a web server",
            Self::NotAllowed => "whoever issued its certificate may not vouch for this name",
        }
    }
}

/// Why an origin gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OriginFault {
    /// Its name has no address.
    NoSuchName,
    /// It cannot be reached.
    Unreachable,
    /// It took too long.
    TooSlow,
    /// It broke off, or said what is no HTTP or TLS.
    BrokeOff,
    /// It offers nothing better than TLS 1.1, or no safe way to agree on keys.
    OldTls,
}

impl OriginFault {
    /// The fault in half a sentence for adults.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoSuchName => "its name was not found",
            Self::Unreachable => "it could not be reached",
            Self::TooSlow => "it took too long to answer",
            Self::BrokeOff => "it broke off, or gave an answer that makes no sense",
            Self::OldTls => {
                "it offers only outdated encryption (older than TLS 1.2), which others could read on the way"
            }
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::TooSlow => 504,
            Self::NoSuchName | Self::Unreachable | Self::BrokeOff | Self::OldTls => 502,
        }
    }
}

/// Why a request is not carried out, whoever asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// It leads to the gate itself or into a network that is not open to the proxy.
    PrivateAddress,
    /// The request names another host than its connection.
    OtherHost,
    /// The request cannot be understood.
    NotUnderstood,
    /// What is inside the tunnel is neither TLS nor HTTP.
    NotWeb,
    /// Too many requests from one address within a short time.
    TooMany,
}

impl Refusal {
    fn words(self) -> (u16, &'static str) {
        match self {
            Self::PrivateAddress => (403, "It leads to an address that the proxy does not serve."),
            Self::OtherHost => (421, "It names another site than its connection was opened for."),
            Self::NotUnderstood => (400, "It could not be understood."),
            Self::TooMany => (429, "This device asks for too much at once. Wait a moment, then try again."),
            Self::NotWeb => (403, "What it carries is not the web."),
        }
    }
}

/// The page for an origin whose certificate was refused. Nothing of the origin is passed on.
pub fn bad_certificate(fault: CertificateFault, stage: Stage, host: &Host) -> Notice {
    let (title, parts) = match stage {
        Stage::Infants => ("This page is not safe, so please ask your teacher.", Vec::new()),
        Stage::Juniors | Stage::Secondary => (
            "This page is not safe to open",
            vec![
                Part::Text("The website cannot prove that it is what it says it is.".to_owned()),
                Part::Text("If you need it for your work, tell your teacher.".to_owned()),
            ],
        ),
        Stage::Adults => (
            "This site\u{2019}s certificate cannot be trusted",
            vec![
                Part::Text(format!("The gate did not open {host}: {}.", fault.words())),
                Part::Text(
                    "Somebody may be posing as this site, or its owner has made a mistake. Nothing was sent to it. \
                     If you need it, tell the people who look after the school\u{2019}s network."
                        .to_owned(),
                ),
            ],
        ),
    };
    Notice { status: 502, code: "certificate-refused", title: title.to_owned(), picture: None, parts }
}

/// The page for an origin that did not answer.
pub fn origin_failed(fault: OriginFault, stage: Stage, host: &Host) -> Notice {
    let advice = match fault {
        OriginFault::OldTls => {
            "The filter did not block it. Only its owner can mend this; tell the people who look after the school\u{2019}s \
             network if you need it."
        }
        _ => "The filter did not block it. Check the address, and try again in a few minutes.",
    };
    let (title, parts) = match stage {
        Stage::Infants => ("This page is not working, so please ask your teacher.", Vec::new()),
        Stage::Juniors | Stage::Secondary => (
            "This page is not working",
            vec![Part::Text("The website did not answer. Try again in a few minutes.".to_owned())],
        ),
        Stage::Adults => (
            "This site did not answer",
            vec![
                Part::Text(format!("The gate could not fetch {host}: {}.", fault.words())),
                Part::Text(advice.to_owned()),
            ],
        ),
    };
    Notice { status: fault.status(), code: "origin-failed", title: title.to_owned(), picture: None, parts }
}

/// The page for a request that is not carried out, whoever asks.
pub fn not_possible(refusal: Refusal, links: &Links) -> Notice {
    let (status, words) = refusal.words();
    let mut parts = vec![Part::Text(words.to_owned())];
    if let Some(to) = &links.report {
        parts.push(Part::Link { words: "Report a mistake".to_owned(), to: to.clone() });
    }
    Notice {
        status,
        code: "not-possible",
        title: "This is not possible here".to_owned(),
        picture: None,
        parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn a_refused_certificate_is_explained_in_the_words_of_the_stage() {
        let host = Host::parse("shop.example").unwrap();
        for (stage, fault, words) in [
            (Stage::Infants, CertificateFault::Expired, "This page is not safe, so please ask your teacher."),
            (Stage::Juniors, CertificateFault::WrongName, "cannot prove that it is what it says it is"),
            (Stage::Adults, CertificateFault::Expired, "shop.example: its certificate has expired"),
            (Stage::Adults, CertificateFault::SelfSigned, "self-signed"),
            (Stage::Adults, CertificateFault::WrongName, "for another name"),
            (Stage::Adults, CertificateFault::Untrusted, "nobody the school trusts"),
            (Stage::Juniors, CertificateFault::Revoked, "cannot prove that it is what it says it is"),
            (Stage::Adults, CertificateFault::Revoked, "its certificate was revoked"),
            (Stage::Adults, CertificateFault::NoProof, "a fresh proof"),
            (Stage::Adults, CertificateFault::Incomplete, "leaves out a certificate"),
            (Stage::Adults, CertificateFault::Weak, "too weak"),
            (Stage::Adults, CertificateFault::WrongPurpose, "not made for a web server"),
            (Stage::Adults, CertificateFault::NotAllowed, "may not vouch for this name"),
        ] {
            let page = bad_certificate(fault, stage, &host).page(Shape::Html);
            assert!(page.status == 502 && page.body.contains(words), "{words}");
        }
    }

    #[test]
    fn a_slow_origin_and_a_missing_one_have_their_own_status_and_words() {
        let host = Host::parse("shop.example").unwrap();
        let slow = origin_failed(OriginFault::TooSlow, Stage::Adults, &host).page(Shape::Text);
        assert!(slow.status == 504 && slow.body.contains("took too long"));
        let old = origin_failed(OriginFault::OldTls, Stage::Adults, &host).page(Shape::Text);
        assert!(
            old.status == 502 && old.body.contains("older than TLS 1.2") && !old.body.contains("try again")
        );
        let missing = origin_failed(OriginFault::NoSuchName, Stage::Secondary, &host).page(Shape::Text);
        assert!(missing.status == 502 && !missing.body.contains("shop.example"));
    }

    #[test]
    fn a_request_for_another_host_is_told_so() {
        assert_eq!(not_possible(Refusal::OtherHost, &Links::default()).status, 421);
    }
}
