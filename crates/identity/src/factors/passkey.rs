//! Passkeys (W3C Web Authentication, level 2): making one, and showing that one holds it, at this console and nowhere else.
//!
//! The browser gets a challenge, and answers with what the passkey signed over it and over the address of the page. The rules
//! of the standard are `webauthn-rs`'s; this is the narrow place where the rest of the program meets them.
//!
//! Left out on purpose: whose passkey it is, where it is kept, and until when a challenge counts, which are `app`'s.
//! Attestation is not asked for: no make of passkey is turned away.
//!
//! Invariants: the person at the passkey proved themselves to it (user verification) each time; an answer from another page's
//! address never counts; a passkey whose counter does not go on is a copy, and is told apart from what is merely wrong.

use crate::IdentityError;
use model::PersonId;
use std::fmt;
use url::Url;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// The longest answer of a browser that is read.
const MOST_ANSWER_BYTES: usize = 16 * 1024;

/// The console at the address that passkeys are made for.
#[derive(Clone)]
pub struct PasskeyPlace(std::sync::Arc<Webauthn>);

/// What the browser is given: the options as JSON, with every byte string as base64url.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasskeyOptions(pub String);

/// A passkey that is being made.
pub struct PasskeyMaking(PasskeyRegistration);

/// A passkey that is being asked for.
pub struct PasskeyAsking(Asking);

enum Asking {
    /// One of these.
    OneOf(PasskeyAuthentication),
    /// Whichever the browser finds.
    Any(DiscoverableAuthentication),
}

/// A passkey as it is kept: its public key and its counter.
#[derive(Clone)]
pub struct HeldPasskey(Passkey);

/// Why an answer does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasskeyRefused {
    /// It is no answer of a browser.
    #[error("expected a browser's answer, found something else")]
    Unreadable,
    /// It is another passkey's, or was signed over something else.
    #[error("expected a signature of this passkey over this challenge, found another")]
    Wrong,
    /// It was given to a page at another address: somebody stands between the person and this console.
    #[error("expected an answer to a page of this console, found one to a page at another address")]
    OtherAddress,
    /// It is right, and its counter has not gone on: there are two of it.
    #[error("expected a counter that goes on, found one that went back: a copy of this passkey was used")]
    Cloned,
}

/// A passkey that was shown.
pub struct ShownPasskey {
    /// It, with its counter as it is by now: to be kept in the place of the one before.
    pub passkey: HeldPasskey,
    /// Its counter by now; 0 where it has none.
    pub counter: u32,
}

impl fmt::Debug for PasskeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasskeyPlace")
    }
}

impl PasskeyPlace {
    /// The console at this address, such as `https://gate.school.example:8443`.
    ///
    /// # Errors
    /// [`IdentityError::NoPasskeysHere`] where browsers make no passkeys for such an address: one that is no name, or is not
    /// HTTPS.
    pub fn at(address: &str) -> Result<Self, IdentityError> {
        let url = Url::parse(address).map_err(|_| IdentityError::NoPasskeysHere)?;
        let host = url.domain().filter(|_| url.scheme() == "https").ok_or(IdentityError::NoPasskeysHere)?;
        let built =
            WebauthnBuilder::new(host, &url).and_then(|builder| builder.rp_name("Schoolgate").build());
        built.map(|webauthn| Self(std::sync::Arc::new(webauthn))).map_err(|_| IdentityError::NoPasskeysHere)
    }

    /// Begins to make a passkey for somebody. `held` are those they have: none is made twice on one device.
    ///
    /// # Errors
    /// [`IdentityError::NoPasskeysHere`].
    pub fn make(
        &self,
        (person, login, name): (PersonId, &str, &str),
        held: &[HeldPasskey],
    ) -> Result<(PasskeyOptions, PasskeyMaking), IdentityError> {
        let known = held.iter().map(|held| held.0.cred_id().clone()).collect();
        let begun = self.0.start_passkey_registration(person.0, login, name, Some(known));
        let (options, making) = begun.map_err(|_| IdentityError::NoPasskeysHere)?;
        let mut options = serde_json::to_value(options).map_err(|_| IdentityError::NoPasskeysHere)?;
        // Where the device can keep it, it is found without a name being typed.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection")
            && let Some(selection) = selection.as_object_mut()
        {
            selection.insert("residentKey".to_owned(), "preferred".into());
        }
        Ok((PasskeyOptions(options.to_string()), PasskeyMaking(making)))
    }

    /// The passkey that was made.
    ///
    /// # Errors
    /// Why the answer does not count.
    pub fn made(&self, answer: &str, making: &PasskeyMaking) -> Result<HeldPasskey, PasskeyRefused> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        self.0
            .finish_passkey_registration(&answer, &making.0)
            .map(HeldPasskey)
            .map_err(|error| refused(&error))
    }

    /// Asks for one of these.
    ///
    /// # Errors
    /// [`IdentityError::NoPasskeysHere`], also where there are none.
    pub fn ask(&self, held: &[HeldPasskey]) -> Result<(PasskeyOptions, PasskeyAsking), IdentityError> {
        let held: Vec<Passkey> = held.iter().map(|held| held.0.clone()).collect();
        let begun = self.0.start_passkey_authentication(&held);
        let (options, asking) = begun.map_err(|_| IdentityError::NoPasskeysHere)?;
        let options = serde_json::to_string(&options).map_err(|_| IdentityError::NoPasskeysHere)?;
        Ok((PasskeyOptions(options), PasskeyAsking(Asking::OneOf(asking))))
    }

    /// Asks for whichever passkey the browser finds for this console.
    ///
    /// # Errors
    /// [`IdentityError::NoPasskeysHere`].
    pub fn ask_for_any(&self) -> Result<(PasskeyOptions, PasskeyAsking), IdentityError> {
        let begun = self.0.start_discoverable_authentication();
        let (mut options, asking) = begun.map_err(|_| IdentityError::NoPasskeysHere)?;
        // It is asked for by a button, not offered while a name is typed.
        options.mediation = None;
        let options = serde_json::to_string(&options).map_err(|_| IdentityError::NoPasskeysHere)?;
        Ok((PasskeyOptions(options), PasskeyAsking(Asking::Any(asking))))
    }

    /// The id of the passkey that an answer names, as [`HeldPasskey::handle`] writes it; `None` where it names none.
    pub fn handle_in(answer: &str) -> Option<String> {
        let answer: PublicKeyCredential = read(answer).ok()?;
        Some(crate::session::hexadecimal(answer.raw_id.as_ref()))
    }

    /// Whose passkey an answer says it is, before anything of it is proved: for looking up what they hold.
    ///
    /// # Errors
    /// [`PasskeyRefused::Unreadable`].
    pub fn claimed_by(&self, answer: &str) -> Result<PersonId, PasskeyRefused> {
        let answer: PublicKeyCredential = read(answer)?;
        let claimed = self.0.identify_discoverable_authentication(&answer);
        claimed.map(|(person, _)| PersonId(person)).map_err(|_| PasskeyRefused::Unreadable)
    }

    /// The passkey that was shown. `held` are those of whoever it should be.
    ///
    /// # Errors
    /// Why the answer does not count.
    pub fn shown(
        &self,
        answer: &str,
        asking: PasskeyAsking,
        held: &[HeldPasskey],
    ) -> Result<ShownPasskey, PasskeyRefused> {
        let answer: PublicKeyCredential = read(answer)?;
        let shown = match asking.0 {
            Asking::OneOf(asking) => self.0.finish_passkey_authentication(&answer, &asking),
            Asking::Any(asking) => {
                let named = held.iter().find(|held| held.0.cred_id().as_slice() == answer.raw_id.as_slice());
                let named = named.ok_or(PasskeyRefused::Wrong)?;
                self.0.finish_discoverable_authentication_v2(&answer, asking, &named.0)
            }
        };
        let shown = shown.map_err(|error| refused(&error))?;
        if !shown.user_verified() {
            return Err(PasskeyRefused::Wrong);
        }
        let it = held.iter().find(|held| held.0.cred_id() == shown.cred_id());
        let mut passkey = it.cloned().ok_or(PasskeyRefused::Wrong)?;
        passkey.0.update_credential(&shown);
        Ok(ShownPasskey { passkey, counter: shown.counter() })
    }
}

impl HeldPasskey {
    /// Reads what [`HeldPasskey::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// As it is kept: public, and changed by nobody but us.
    ///
    /// # Errors
    /// [`IdentityError::NoPasskeysHere`].
    pub fn to_text(&self) -> Result<String, IdentityError> {
        serde_json::to_string(&self.0).map_err(|_| IdentityError::NoPasskeysHere)
    }

    /// Its own id, small hexadecimal digits.
    pub fn handle(&self) -> String {
        crate::session::hexadecimal(self.0.cred_id().as_ref())
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T, PasskeyRefused> {
    if answer.len() > MOST_ANSWER_BYTES {
        return Err(PasskeyRefused::Unreadable);
    }
    serde_json::from_str(answer).map_err(|_| PasskeyRefused::Unreadable)
}

fn refused(error: &WebauthnError) -> PasskeyRefused {
    match error {
        WebauthnError::CredentialPossibleCompromise => PasskeyRefused::Cloned,
        WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => PasskeyRefused::OtherAddress,
        _ => PasskeyRefused::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> PasskeyPlace {
        PasskeyPlace::at("https://gate.school.example:8443").unwrap()
    }

    #[test]
    fn passkeys_are_for_a_name_over_https_alone() {
        for (address, expected) in [
            ("https://localhost:8443", true),
            ("https://gate.school.example", true),
            ("https://127.0.0.1:8443", false),
            ("http://gate.school.example", false),
            ("gate", false),
        ] {
            assert_eq!(PasskeyPlace::at(address).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn a_passkey_is_asked_for_with_proof_of_who_is_there_and_kept_by_the_device_where_it_can() {
        let person = PersonId(uuid::Uuid::from_u128(7));
        let (PasskeyOptions(options), _) = place().make((person, "ms.ash", "Ms Ash"), &[]).unwrap();
        assert!(options.contains("\"residentKey\":\"preferred\""), "{options}");
        assert!(options.contains("\"userVerification\":\"required\""), "{options}");
        let (PasskeyOptions(any), _) = place().ask_for_any().unwrap();
        assert!(!any.contains("mediation"), "{any}");
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics_or_counts(answer in "\\PC{0,300}") {
            let (_, making) = place().make((PersonId(uuid::Uuid::nil()), "a", "b"), &[]).unwrap();
            proptest::prop_assert!(place().made(&answer, &making).is_err());
            let (_, asking) = place().ask_for_any().unwrap();
            proptest::prop_assert!(place().claimed_by(&answer).is_err());
            proptest::prop_assert!(place().shown(&answer, asking, &[]).is_err());
        }
    }
}
