//! Codes of an authenticator: TOTP (RFC 6238) over HMAC-SHA-1, six digits, a step of 30 seconds, which is what every
//! authenticator does without being asked.
//!
//! Invariants: a code counts one step before and one after its own (RFC 6238 5.2), and once: whoever accepts one keeps the
//! step it was of, and asks with it the next time.

use super::{base32, sealed};
use crate::session::hexadecimal;
use crate::{IdentityError, Pepper, Randomness, SealingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{CredentialId, Timestamp};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

const STEP_MS: i64 = 30_000;
const DIGITS: u32 = 6;
/// 160 bits, as long as the hash (RFC 4226 4, R6).
const SECRET_BYTES: usize = 20;
/// The longest secret that is read back.
const MOST_TEXT: usize = 64;
/// Keeps the key of these secrets apart from everything else that the pepper is used for.
const DOMAIN: &[u8] = b"schoolgate authenticator secret 1";

/// The secret that the authenticator and the school share. Wiped from memory when dropped; never printed. Kept encrypted by
/// whoever stores it, since it cannot be kept as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

/// A step of 30 seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TotpStep(pub i64);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(hidden)")
    }
}

impl TotpSecret {
    /// Makes one.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn random(random: &mut Randomness) -> Result<Self, IdentityError> {
        Ok(Self(Zeroizing::new(random.bytes::<SECRET_BYTES>()?.to_vec())))
    }

    /// Reads base32, as people type it: at least 16 bytes. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base32::decode(text, MOST_TEXT)?;
        (bytes.len() >= 16).then(|| Self(Zeroizing::new(bytes)))
    }

    /// Base32 without padding, for the page that shows it once and for the record it is kept in.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(base32::encode(&self.0))
    }

    /// The address that a QR code holds, `otpauth://totp/...`: the school's name as issuer, the login as account.
    pub fn address(&self, issuer: &str, login: &str) -> Zeroizing<String> {
        let (issuer, login) = (escaped(issuer), escaped(login));
        let secret = self.reveal();
        Zeroizing::new(format!("otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}", secret.as_str()))
    }

    /// The secret as the records keep it: encrypted under a key that comes from the pepper, and bound to its credential, so
    /// that a copy of the records alone makes no codes and a row that is moved opens nothing.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`]; [`IdentityError::SealBroken`].
    pub fn seal(
        &self,
        pepper: &Pepper,
        credential: CredentialId,
        random: &mut Randomness,
    ) -> Result<String, IdentityError> {
        let sealed = sealed::seal(&key(pepper)?, &[DOMAIN, credential.0.as_bytes()], &self.0, random)?;
        Ok(hexadecimal(&sealed))
    }

    /// The secret of a credential again.
    ///
    /// # Errors
    /// [`IdentityError::SealBroken`] under another pepper, of another credential, or where it was changed.
    pub fn open(text: &str, pepper: &Pepper, credential: CredentialId) -> Result<Self, IdentityError> {
        let sealed = bytes_of(text).ok_or(IdentityError::SealBroken)?;
        sealed::open(&key(pepper)?, &[DOMAIN, credential.0.as_bytes()], &sealed).map(Self)
    }

    /// The code of a step, six digits.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn code(&self, step: TotpStep) -> Result<String, IdentityError> {
        code(&self.0, step, DIGITS)
    }

    /// The step whose code this is, at this moment or one step to either side, and later than the last that was used; `None`
    /// where it is none. Spaces are left out. Keep the step: it is the `used` of the next time.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn check(
        &self,
        typed: &str,
        at: Timestamp,
        used: Option<TotpStep>,
    ) -> Result<Option<TotpStep>, IdentityError> {
        let typed: String = typed.chars().filter(|character| !character.is_whitespace()).take(16).collect();
        let now = at.0.div_euclid(STEP_MS);
        let mut found = None;
        // All three are compared, so that the time says nothing of which it was.
        for step in [now.saturating_sub(1), now, now.saturating_add(1)].map(TotpStep) {
            let fresh = used.is_none_or(|used| step > used);
            if equal(self.code(step)?.as_bytes(), typed.as_bytes()) && fresh {
                found = Some(step);
            }
        }
        Ok(found)
    }
}

fn key(pepper: &Pepper) -> Result<SealingKey, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    mac.update(DOMAIN);
    SealingKey::from_bytes(&Zeroizing::new(mac.finalize().into_bytes())).ok_or(IdentityError::SealBroken)
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hexadecimal.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// HOTP (RFC 4226 5.3) of a step.
fn code(secret: &[u8], step: TotpStep, digits: u32) -> Result<String, IdentityError> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret)
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    mac.update(&step.0.to_be_bytes());
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let offset = usize::from(hash.last().copied().unwrap_or(0) & 0x0f);
    let four = hash.get(offset..).and_then(|from| from.first_chunk::<4>()).copied().unwrap_or_default();
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 10u32.pow(digits);
    let width = usize::try_from(digits).unwrap_or(0);
    Ok(format!("{number:0width$}"))
}

/// Whether two texts are equal, in a time that hangs on their lengths alone.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

/// Everything but letters, digits and `-._~` as `%XX` (RFC 3986 2.3).
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8; 20] = b"12345678901234567890";

    fn secret() -> TotpSecret {
        TotpSecret(Zeroizing::new(RFC.to_vec()))
    }

    #[test]
    fn the_ten_values_of_rfc_4226_appendix_d() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(secret().code(TotpStep(step)).unwrap(), expected);
        }
    }

    #[test]
    fn the_values_of_rfc_6238_appendix_b_for_sha_1() {
        for (seconds, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(RFC, TotpStep(seconds / 30), 8).unwrap(), expected, "{seconds}");
        }
    }

    #[test]
    fn v6_5_1_a_code_counts_one_step_to_either_side_and_once() {
        let at = Timestamp(1_000 * STEP_MS + 5_000);
        let of = |step| secret().code(TotpStep(step)).unwrap();
        for (step, expected) in
            [(998, None), (999, Some(999)), (1_000, Some(1_000)), (1_001, Some(1_001)), (1_002, None)]
        {
            assert_eq!(secret().check(&of(step), at, None).unwrap(), expected.map(TotpStep), "{step}");
        }
        let used = secret().check(&of(1_000), at, None).unwrap();
        assert_eq!(secret().check(&of(1_000), at, used).unwrap(), None, "a second time");
        assert_eq!(secret().check(&of(999), at, used).unwrap(), None, "an earlier one after a later");
        assert_eq!(secret().check(&of(1_001), at, used).unwrap(), Some(TotpStep(1_001)));
        let spaced = format!("{} {}", &of(1_000)[..3], &of(1_000)[3..]);
        assert!(secret().check(&spaced, at, None).unwrap().is_some());
    }

    #[test]
    fn a_secret_reads_back_is_given_to_the_authenticator_and_hides_itself() {
        let made = TotpSecret::random(&mut Randomness::Seeded(4)).unwrap();
        assert_eq!(TotpSecret::parse(&made.reveal()), Some(made.clone()));
        assert_eq!(TotpSecret::parse("MZXW6YTBOI"), None, "too short");
        assert_eq!(format!("{made:?}"), "TotpSecret(hidden)");
        let expected =
            "otpauth://totp/Ash%20Grove:ms.ash?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ash%20Grove";
        assert_eq!(secret().address("Ash Grove", "ms.ash").as_str(), expected);
    }

    #[test]
    fn a_sealed_secret_opens_for_its_credential_under_its_pepper_alone() {
        let pepper = |byte: u8| Pepper::from_bytes(&[byte; Pepper::BYTES]).unwrap();
        let credential = |number: u128| CredentialId(uuid::Uuid::from_u128(number));
        let sealed = secret().seal(&pepper(1), credential(1), &mut Randomness::Seeded(1)).unwrap();
        assert!(!sealed.contains(&hexadecimal(RFC)));
        assert_eq!(TotpSecret::open(&sealed, &pepper(1), credential(1)).unwrap(), secret());
        assert!(TotpSecret::open(&sealed, &pepper(2), credential(1)).is_err());
        assert!(TotpSecret::open(&sealed, &pepper(1), credential(2)).is_err());
        for broken in ["", "0", "zz", &sealed[2..]] {
            assert!(TotpSecret::open(broken, &pepper(1), credential(1)).is_err(), "{broken}");
        }
    }

    /// Debian's `oathtool`, which `cargo xtask test` installs, says the same.
    #[test]
    fn another_program_makes_the_same_codes() {
        let version = std::process::Command::new("oathtool").arg("--version").output();
        assert!(version.expect("`cargo xtask test` installs oathtool").status.success());
        for seed in 0..5 {
            let secret = TotpSecret::random(&mut Randomness::Seeded(seed)).unwrap();
            let seconds = 1_700_000_000 + i64::try_from(seed).unwrap() * 7_777;
            let mut oathtool = std::process::Command::new("oathtool");
            oathtool.args(["--totp", "--base32", &secret.reveal(), "--now", &format!("@{seconds}")]);
            let said = String::from_utf8(oathtool.output().unwrap().stdout).unwrap();
            assert_eq!(said.trim(), secret.code(TotpStep(seconds / 30)).unwrap());
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_typed_panics(typed in "\\PC{0,40}", at in proptest::num::i64::ANY, used in proptest::num::i64::ANY) {
            let found = secret().check(&typed, Timestamp(at), Some(TotpStep(used))).unwrap();
            proptest::prop_assert!(found.is_none_or(|step| step.0 > used));
        }
    }
}
