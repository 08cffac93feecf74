//! What people type, scan or send to sign in, and a lock-out as the store kept it.

use identity::{
    BadgeCode, BadgeSecret, BirthDate, DeviceCookie, Lockout, Password, Pepper, PersonalFacts, PersonalWords, PicturePin,
    RecoveryCode, SecretFingerprint, TotpSecret, TotpStep, sealed_bytes, sealed_text,
};
use model::Timestamp;

/// Reads the bytes as every secret there is; what reads is written and read again.
pub fn typed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(cookie) = DeviceCookie::parse(&text) {
        assert_eq!(cookie.to_text(), text);
    }
    if let Some(badge) = BadgeSecret::parse(&text) {
        assert_eq!(BadgeSecret::parse(&badge.fragment()), Some(badge));
    }
    if let Some(code) = BadgeCode::parse(&text) {
        assert_eq!(BadgeCode::parse(&code.printed()), Some(code));
    }
    if let Some(bytes) = sealed_bytes(&text) {
        assert_eq!(sealed_text(&bytes), text.to_lowercase());
    }
    if let Some(code) = RecoveryCode::parse(&text) {
        assert_eq!(RecoveryCode::parse(&code.reveal()), Some(code));
    }
    if let Some(secret) = TotpSecret::parse(&text) {
        assert_eq!(TotpSecret::parse(&secret.reveal()), Some(secret.clone()));
        let _ = secret.check(&text, Timestamp(0), Some(TotpStep(0)));
    }
    if let Some(pin) = PicturePin::parse(&text) {
        assert_eq!(PicturePin::new(pin.reveal()), Some(pin));
    }
    if let Some(fingerprint) = SecretFingerprint::parse(&text) {
        assert_eq!(fingerprint.to_text(), text);
    }
    let (name, password) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let born = bytes.first_chunk::<4>().map(|[a, b, month, day]| BirthDate {
        year: u16::from_be_bytes([*a, *b]),
        month: *month,
        day: *day,
    });
    let words = PersonalWords::of(&PersonalFacts { names: &[name], logins: &[name], places: &[password], born });
    if let Ok(password) = Password::new(password) {
        let _ = words.are_in(password.reveal());
    }
}

/// Restores the bytes; what was taken up is saved and restored again to the same.
pub fn locks(bytes: &[u8]) {
    let pepper = Pepper::from_bytes(&[1; Pepper::BYTES]).expect("a pepper of its length");
    let empty = || Lockout::new(&pepper).expect("randomness");
    let mut lockout = empty();
    if lockout.restore(bytes).is_ok() {
        let saved = lockout.saved();
        empty().restore(&saved).expect("what was saved is read");
        let _ = lockout.standings("made.up", Timestamp(0));
        let _ = lockout.outside_shut_until(Timestamp(0));
    }
}
