//! The sealed record of an infant's password: the one secret that can be read back, by the class teacher, where the policy
//! allows it (clause PWD-7).
//!
//! Each record is encrypted with AES-256-GCM under a random key of its own; that key is wrapped by the class's key, and the
//! class's key by the school's. What the record belongs to is bound to it, so a row moved to another child does not open, and
//! a copy of the database alone opens nothing.
//!
//! Left out on purpose: where the school's key lies, who may look and with what reason, and counting the looks.
//!
//! Invariants: a [`Sealable`] exists only for early years and Key Stage 1, or with an approved exemption; there is no way
//! from any other secret to a record. Keys are wiped from memory when dropped; nothing secret is printed.

use crate::session::hexadecimal;
use crate::{IdentityError, Password, Pepper, Phase, Randomness};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{PersonId, Timestamp};
use sha2::Sha256;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Keeps records and wrapped keys apart.
const RECORD: &[u8] = b"schoolgate sealed record 1";
const CLASS: &[u8] = b"schoolgate class key 1";
const SCHOOL: &[u8] = b"schoolgate school key 1";

/// A key that wraps others. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(hidden)")
    }
}

impl SealingKey {
    /// Its length.
    pub const BYTES: usize = KEY_BYTES;

    /// Makes one.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn random(random: &mut Randomness) -> Result<Self, IdentityError> {
        random.bytes().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Takes the school's key as it lies in its file; `None` where it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The school's key, out of the secret that the product keeps beside the records and never in them.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn of_school(pepper: &Pepper, school: &str) -> Result<Self, IdentityError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
            .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
        mac.update(SCHOOL);
        mac.update(school.as_bytes());
        Ok(Self(Zeroizing::new(mac.finalize().into_bytes().into())))
    }

    /// The bytes to write to the file of the school's key, readable by the service user alone.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// A class's key under the school's, for the store.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`]; [`IdentityError::SealBroken`].
    pub fn wrap_class(
        &self,
        class: &str,
        key: &Self,
        random: &mut Randomness,
    ) -> Result<Vec<u8>, IdentityError> {
        seal(self, &[CLASS, class.as_bytes()], key.as_bytes(), random)
    }

    /// The class's key again.
    ///
    /// # Errors
    /// [`IdentityError::SealBroken`] where it is another class's, another school's, or was changed.
    pub fn unwrap_class(&self, class: &str, wrapped: &[u8]) -> Result<Self, IdentityError> {
        let opened = open(self, &[CLASS, class.as_bytes()], wrapped)?;
        Self::from_bytes(&opened).ok_or(IdentityError::SealBroken)
    }
}

/// Why a record may be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealable(());

/// Leave to keep an older learner's password, for special needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exemption {
    /// Who approved it.
    pub approved_by: PersonId,
    /// By when it is looked at again; from then on it allows nothing.
    pub review_by: Timestamp,
}

impl Sealable {
    /// For a learner of this phase, where the policy names the phase; `None` for every phase after Key Stage 1.
    pub fn for_phase(phase: Phase, policy_allows: &[Phase]) -> Option<Self> {
        (phase.is_youngest() && policy_allows.contains(&phase)).then_some(Self(()))
    }

    /// For a learner with an exemption that somebody else approved and whose review is not due.
    pub fn for_exemption(exemption: Exemption, learner: PersonId, at: Timestamp) -> Option<Self> {
        (exemption.approved_by != learner && at < exemption.review_by).then_some(Self(()))
    }
}

/// What a record belongs to. Bound to it: none of this may change without sealing it anew.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// The trust or the lone school.
    pub tenant: &'a str,
    /// The child.
    pub person: PersonId,
    /// The credential's id.
    pub credential: &'a str,
    /// Its version, counted up with each change.
    pub version: u64,
}

/// A record as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRecord {
    /// The record's own key under the class's.
    pub wrapped_key: Vec<u8>,
    /// The password under the record's own key.
    pub body: Vec<u8>,
}

impl SealedRecord {
    /// Seals a password.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`]; [`IdentityError::SealBroken`].
    pub fn seal(
        _leave: Sealable,
        class_key: &SealingKey,
        sealed_for: &SealedFor<'_>,
        password: &Password,
        random: &mut Randomness,
    ) -> Result<Self, IdentityError> {
        let own = SealingKey::random(random)?;
        let context = sealed_for.context();
        let wrapped_key = seal(class_key, &[RECORD, b"key", &context], own.as_bytes(), random)?;
        let body = seal(&own, &[RECORD, b"body", &context], password.reveal().as_bytes(), random)?;
        Ok(Self { wrapped_key, body })
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`IdentityError::SealBroken`] for another class's key, another child, another version, or where a bit was changed.
    pub fn open(
        &self,
        class_key: &SealingKey,
        sealed_for: &SealedFor<'_>,
    ) -> Result<Password, IdentityError> {
        let context = sealed_for.context();
        let own = open(class_key, &[RECORD, b"key", &context], &self.wrapped_key)?;
        let own = SealingKey::from_bytes(&own).ok_or(IdentityError::SealBroken)?;
        let text = open(&own, &[RECORD, b"body", &context], &self.body)?;
        Password::new(std::str::from_utf8(&text).map_err(|_| IdentityError::SealBroken)?)
    }

    /// The same record under another class's key: the child has moved. The password is not opened.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`]; [`IdentityError::SealBroken`].
    pub fn rewrap(
        &self,
        from: &SealingKey,
        to: &SealingKey,
        sealed_for: &SealedFor<'_>,
        random: &mut Randomness,
    ) -> Result<Self, IdentityError> {
        let context = sealed_for.context();
        let own = open(from, &[RECORD, b"key", &context], &self.wrapped_key)?;
        let wrapped_key = seal(to, &[RECORD, b"key", &context], &own, random)?;
        Ok(Self { wrapped_key, body: self.body.clone() })
    }
}

/// Sealed bytes as the store keeps them: small hexadecimal digits.
pub fn sealed_text(sealed: &[u8]) -> String {
    hexadecimal(sealed)
}

/// The bytes again; `None` where the text is none of ours.
pub fn sealed_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().filter(|_| rest.is_empty())
}

impl SealedFor<'_> {
    fn context(&self) -> Vec<u8> {
        joined(&[
            self.tenant.as_bytes(),
            self.person.0.as_bytes(),
            self.credential.as_bytes(),
            &self.version.to_be_bytes(),
        ])
    }
}

/// A random nonce, the encrypted bytes, and their tag.
pub(super) fn seal(
    key: &SealingKey,
    bound_to: &[&[u8]],
    secret: &[u8],
    random: &mut Randomness,
) -> Result<Vec<u8>, IdentityError> {
    let nonce: [u8; NONCE_BYTES] = random.bytes()?;
    // Encrypted in place: what was secret is overwritten.
    let mut body = Zeroizing::new(Vec::with_capacity(secret.len() + TAG_BYTES));
    body.extend_from_slice(secret);
    let nonce_used = Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce_used, Aad::from(joined(bound_to)), &mut *body)
        .map_err(|_| IdentityError::SealBroken)?;
    Ok(nonce.iter().chain(body.iter()).copied().collect())
}

pub(super) fn open(
    key: &SealingKey,
    bound_to: &[&[u8]],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(IdentityError::SealBroken)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(joined(bound_to)), &mut body)
        .map_err(|_| IdentityError::SealBroken)?
        .len();
    body.truncate(length);
    Ok(body)
}

fn cipher(key: &SealingKey) -> Result<LessSafeKey, IdentityError> {
    let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(|_| IdentityError::SealBroken)?;
    Ok(LessSafeKey::new(key))
}

/// Parts, each with its length before it, so that no two lists of parts are the same bytes.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u128) -> PersonId {
        PersonId(uuid::Uuid::from_u128(number))
    }

    fn sealed_for(number: u128) -> SealedFor<'static> {
        SealedFor { tenant: "ash", person: person(number), credential: "c1", version: 1 }
    }

    fn leave() -> Sealable {
        Sealable::for_phase(Phase::Ks1, &[Phase::EarlyYears, Phase::Ks1]).unwrap()
    }

    #[test]
    fn p5_pwd_7_only_the_youngest_or_an_exempted_learner_has_a_record() {
        for phase in Phase::ALL {
            let allowed = Sealable::for_phase(phase, &Phase::ALL).is_some();
            assert_eq!(allowed, matches!(phase, Phase::EarlyYears | Phase::Ks1), "{phase:?}");
            assert!(Sealable::for_phase(phase, &[]).is_none(), "where the policy does not name it");
        }
        let exemption = Exemption { approved_by: person(9), review_by: Timestamp(100) };
        assert!(Sealable::for_exemption(exemption, person(1), Timestamp(99)).is_some());
        assert!(Sealable::for_exemption(exemption, person(1), Timestamp(100)).is_none());
        assert!(
            Sealable::for_exemption(exemption, person(9), Timestamp(0)).is_none(),
            "nobody approves their own"
        );
    }

    #[test]
    fn a_record_opens_for_its_class_and_child_alone_and_never_when_changed() {
        let mut random = Randomness::Seeded(1);
        let (school, class, other) = (
            SealingKey::random(&mut random).unwrap(),
            SealingKey::random(&mut random).unwrap(),
            SealingKey::random(&mut random).unwrap(),
        );
        let password = Password::new("hat42").unwrap();
        let record = SealedRecord::seal(leave(), &class, &sealed_for(1), &password, &mut random).unwrap();
        assert_eq!(record.open(&class, &sealed_for(1)).unwrap().reveal(), "hat42");
        let older = SealedFor { version: 2, ..sealed_for(1) };
        for (key, whose) in
            [(&other, sealed_for(1)), (&school, sealed_for(1)), (&class, sealed_for(2)), (&class, older)]
        {
            assert_eq!(record.open(key, &whose).unwrap_err(), IdentityError::SealBroken, "{whose:?}");
        }
        for place in 0..record.body.len() {
            let mut changed = record.clone();
            changed.body[place] ^= 1;
            assert!(changed.open(&class, &sealed_for(1)).is_err(), "byte {place}");
        }
        let moved = record.rewrap(&class, &other, &sealed_for(1), &mut random).unwrap();
        assert_eq!(moved.open(&other, &sealed_for(1)).unwrap().reveal(), "hat42");
        assert!(moved.open(&class, &sealed_for(1)).is_err());
        let wrapped = school.wrap_class("1A", &class, &mut random).unwrap();
        assert_eq!(school.unwrap_class("1A", &wrapped).unwrap().as_bytes(), class.as_bytes());
        assert!(school.unwrap_class("1B", &wrapped).is_err() && other.unwrap_class("1A", &wrapped).is_err());
        assert_eq!(format!("{class:?}"), "SealingKey(hidden)");
    }

    #[test]
    fn each_school_has_a_key_of_its_own_that_hangs_on_the_pepper() {
        let of = |byte: u8, school: &str| {
            let pepper = Pepper::from_bytes(&[byte; Pepper::BYTES]).unwrap();
            SealingKey::of_school(&pepper, school).unwrap().as_bytes().to_vec()
        };
        assert_eq!(of(1, "ash"), of(1, "ash"));
        assert!(of(1, "ash") != of(1, "elm") && of(1, "ash") != of(2, "ash"));
        assert_eq!(sealed_bytes(&sealed_text(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert!(sealed_bytes("0").is_none() && sealed_bytes("0g").is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(key in proptest::collection::vec(0u8.., 0..80), body in proptest::collection::vec(0u8.., 0..80)) {
            let class = SealingKey::from_bytes(&[1; 32]).unwrap();
            let record = SealedRecord { wrapped_key: key, body };
            proptest::prop_assert!(record.open(&class, &sealed_for(1)).is_err());
        }
    }
}
