//! The ciphers of Kerberos: AES with a key of its own for each use (RFC 3961, RFC 3962, RFC 8009).
//!
//! Left out on purpose: RC4 and DES, which prove nothing any more (RFC 8429, RFC 6649), and making keys of passwords.
//!
//! Invariants: what does not carry the right check value is never given out; any bytes are a message or nothing.

use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Bytes of a block of AES.
const BLOCK: usize = 16;
type Block = [u8; BLOCK];

/// A kind of encryption, by its registered number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Etype {
    /// 17: AES-128 with SHA-1 (RFC 3962).
    Aes128Sha1,
    /// 18: AES-256 with SHA-1 (RFC 3962).
    Aes256Sha1,
    /// 19: AES-128 with SHA-256 (RFC 8009).
    Aes128Sha256,
    /// 20: AES-256 with SHA-384 (RFC 8009).
    Aes256Sha384,
}

/// What a key is used for (RFC 4120, section 7.5.1); each use has keys of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Usage {
    /// The ticket, under the service's key.
    Ticket = 2,
    /// The authenticator, under the session's key.
    Authenticator = 11,
    /// The service's answer, under the session's key.
    Answer = 12,
}

impl Etype {
    pub(crate) fn parse(number: u32) -> Option<Self> {
        match number {
            17 => Some(Self::Aes128Sha1),
            18 => Some(Self::Aes256Sha1),
            19 => Some(Self::Aes128Sha256),
            20 => Some(Self::Aes256Sha384),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Aes128Sha1 => 17,
            Self::Aes256Sha1 => 18,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }

    /// Bytes of a key.
    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha256 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha384 => 32,
        }
    }

    /// Bytes of the check value at a message's end.
    fn check_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => 12,
            Self::Aes128Sha256 => 16,
            Self::Aes256Sha384 => 24,
        }
    }

    fn hash(self) -> hmac::Algorithm {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Aes128Sha256 => hmac::HMAC_SHA256,
            Self::Aes256Sha384 => hmac::HMAC_SHA384,
        }
    }
}

/// A key, and the kind of encryption it is for.
#[derive(Clone)]
pub(crate) struct Key {
    etype: Etype,
    bytes: Zeroizing<Vec<u8>>,
}

/// The two keys of one use.
struct UseKeys {
    encryption: Aes,
    integrity: hmac::Key,
}

impl Key {
    /// `None` where the key is not as long as its kind demands.
    pub(crate) fn new(etype: Etype, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == etype.key_bytes()).then(|| Self { etype, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    pub(crate) fn etype(&self) -> Etype {
        self.etype
    }

    /// The message, if it was encrypted with this key and for this use.
    pub(crate) fn decrypt(&self, usage: Usage, cipher: &[u8]) -> Option<Vec<u8>> {
        let (encrypted, check) =
            cipher.split_at_checked(cipher.len().checked_sub(self.etype.check_bytes())?)?;
        let keys = self.use_keys(usage)?;
        let plain = keys.encryption.decrypt(encrypted)?;
        let expected = self.check_value(&keys, &plain, encrypted);
        verify_slices_are_equal(expected.get(..self.etype.check_bytes())?, check).ok()?;
        plain.get(BLOCK..).map(<[u8]>::to_vec)
    }

    /// Encrypts a message; `confounder` is random and never used twice.
    pub(crate) fn encrypt(&self, usage: Usage, confounder: Block, message: &[u8]) -> Option<Vec<u8>> {
        let keys = self.use_keys(usage)?;
        let plain = [confounder.as_slice(), message].concat();
        let mut cipher = keys.encryption.encrypt(&plain)?;
        let check = self.check_value(&keys, &plain, &cipher);
        cipher.extend_from_slice(check.get(..self.etype.check_bytes())?);
        Some(cipher)
    }

    /// The older kinds check the text, the newer ones what was encrypted, after the block that it began from.
    fn check_value(&self, keys: &UseKeys, plain: &[u8], encrypted: &[u8]) -> Vec<u8> {
        let tag = match self.etype {
            Etype::Aes128Sha1 | Etype::Aes256Sha1 => hmac::sign(&keys.integrity, plain),
            Etype::Aes128Sha256 | Etype::Aes256Sha384 => {
                hmac::sign(&keys.integrity, &[[0; BLOCK].as_slice(), encrypted].concat())
            }
        };
        tag.as_ref().to_vec()
    }

    fn use_keys(&self, usage: Usage) -> Option<UseKeys> {
        let [encryption, integrity] = [0xaa, 0x55].map(|kind| {
            let label = [0, 0, 0, usage as u8, kind];
            match self.etype {
                Etype::Aes128Sha1 | Etype::Aes256Sha1 => self.derive_sha1(&label),
                Etype::Aes128Sha256 | Etype::Aes256Sha384 => self.derive_sha2(&label, kind),
            }
        });
        let integrity = hmac::Key::new(self.etype.hash(), &integrity?);
        Some(UseKeys { encryption: Aes::new(&encryption?)?, integrity })
    }

    /// `DK` (RFC 3961, section 5.1): the label, folded to a block and encrypted again and again.
    fn derive_sha1(&self, label: &[u8; 5]) -> Option<Zeroizing<Vec<u8>>> {
        let aes = Aes::new(&self.bytes)?;
        let mut block = folded(label);
        let mut derived = Zeroizing::new(Vec::with_capacity(self.etype.key_bytes()));
        while derived.len() < self.etype.key_bytes() {
            block = aes.encrypt_block(block)?;
            derived.extend_from_slice(&block);
        }
        Some(derived)
    }

    /// `KDF-HMAC-SHA2` (RFC 8009, section 3): one round, which is always enough.
    fn derive_sha2(&self, label: &[u8; 5], kind: u8) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = if kind == 0xaa { self.etype.key_bytes() } else { self.etype.check_bytes() };
        let bits = u32::try_from(bytes.checked_mul(8)?).ok()?;
        let key = hmac::Key::new(self.etype.hash(), &self.bytes);
        let message = [&[0, 0, 0, 1], label.as_slice(), &[0], &bits.to_be_bytes()].concat();
        let tag = hmac::sign(&key, &message);
        tag.as_ref().get(..bytes).map(|derived| Zeroizing::new(derived.to_vec()))
    }
}

/// `n-fold` to one block (RFC 3961, section 5.1): copies of the label, each turned 13 bits further right, are added up block
/// by block, and what runs over is added at the other end. Five bytes fill whole blocks after 16 copies.
fn folded(label: &[u8; 5]) -> Block {
    const BITS: u32 = 40;
    let as_number = label.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let turned = |copy: u32| {
        let by = (13 * copy) % BITS;
        let whole = (as_number >> by) | (as_number << (BITS - by));
        (whole & ((1 << BITS) - 1)).to_be_bytes()
    };
    let copies: Vec<u8> =
        (0..16).flat_map(|copy| turned(copy).into_iter().skip(3).collect::<Vec<u8>>()).collect();
    let mut sum = 0_u128;
    for block in copies.as_chunks::<BLOCK>().0 {
        let (added, over) = sum.overflowing_add(u128::from_be_bytes(*block));
        // What runs over can only be one, and adding it does not run over again.
        sum = added.wrapping_add(u128::from(over));
    }
    sum.to_be_bytes()
}

/// AES, block by block.
struct Aes {
    encrypting: EncryptingKey,
    decrypting: DecryptingKey,
}

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
        let unbound = || UnboundCipherKey::new(algorithm, key).ok();
        Some(Self {
            encrypting: EncryptingKey::ecb(unbound()?).ok()?,
            decrypting: DecryptingKey::ecb(unbound()?).ok()?,
        })
    }

    fn encrypt_block(&self, mut block: Block) -> Option<Block> {
        self.encrypting.encrypt(&mut block).ok()?;
        Some(block)
    }

    fn decrypt_block(&self, mut block: Block) -> Option<Block> {
        self.decrypting.decrypt(&mut block, DecryptionContext::None).ok()?;
        Some(block)
    }

    /// CBC from a block of zeros, its last two blocks swapped and the then last one cut to the text's length (RFC 3962,
    /// section 5). At least one whole block.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut before = [0; BLOCK];
        let mut blocks = Vec::with_capacity(plain.len() / BLOCK + 1);
        for part in plain.chunks(BLOCK) {
            before = self.encrypt_block(xor(before, padded(part)))?;
            blocks.push(before);
        }
        if plain.len() > BLOCK {
            let last = blocks.len().checked_sub(1)?;
            blocks.swap(last.checked_sub(1)?, last);
        }
        let mut cipher = blocks.concat();
        cipher.truncate(plain.len());
        (plain.len() >= BLOCK).then_some(cipher)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        // The blocks that stand as CBC made them, the last whole one, and what is left of the one before it.
        let stand = match cipher.len() {
            0..BLOCK => return None,
            BLOCK => BLOCK,
            longer => (longer - 1) / BLOCK * BLOCK - BLOCK,
        };
        let (standing, swapped) = cipher.split_at_checked(stand)?;
        let mut plain = Vec::with_capacity(cipher.len());
        let mut before = [0; BLOCK];
        for block in standing.as_chunks::<BLOCK>().0 {
            plain.extend_from_slice(&xor(self.decrypt_block(*block)?, before));
            before = *block;
        }
        if let Some((whole, cut)) = swapped.split_first_chunk::<BLOCK>() {
            let last = self.decrypt_block(*whole)?;
            let mut next_to_last = last;
            next_to_last.get_mut(..cut.len())?.copy_from_slice(cut);
            plain.extend_from_slice(&xor(self.decrypt_block(next_to_last)?, before));
            plain.extend_from_slice(xor(last, next_to_last).get(..cut.len())?);
        }
        Some(plain)
    }
}

fn xor(mut one: Block, other: Block) -> Block {
    for (byte, other) in one.iter_mut().zip(other) {
        *byte ^= other;
    }
    one
}

fn padded(part: &[u8]) -> Block {
    let mut block = [0; BLOCK];
    for (byte, given) in block.iter_mut().zip(part) {
        *byte = *given;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 3962, appendix B: the same text, cut to each length.
    #[test]
    fn ciphertext_stealing_gives_what_the_specification_gives() {
        let aes = Aes::new(b"chicken teriyaki").unwrap();
        let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
        for (length, expected) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
            (
                47,
                "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
            ),
            (
                48,
                "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8",
            ),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
                 4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ] {
            let cipher = aes.encrypt(&text[..length]).unwrap();
            assert_eq!(cipher, bytes(expected), "{length}");
            assert_eq!(aes.decrypt(&cipher).unwrap(), &text[..length]);
        }
    }

    /// RFC 8009, appendix A: the keys of use 2, and messages encrypted with them.
    #[test]
    fn keys_and_messages_of_the_newer_kinds_are_those_of_the_specification() {
        let base = Key::new(Etype::Aes128Sha256, &bytes("3705d96080c17728a0e800eab6e0d23c")).unwrap();
        let label = [0, 0, 0, 2, 0xaa];
        assert_eq!(*base.derive_sha2(&label, 0xaa).unwrap(), bytes("9b197dd1e8c5609d6e67c3e37c62c72e"));
        let label = [0, 0, 0, 2, 0x55];
        assert_eq!(*base.derive_sha2(&label, 0x55).unwrap(), bytes("9fda0e56ab2d85e1569a688696c26a6c"));
        let message = bytes("000102030405");
        let confounder: Block = bytes("7bca285e2fd4130fb55b1a5c83bc5b24").try_into().unwrap();
        let cipher = bytes("84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c");
        assert_eq!(base.encrypt(Usage::Ticket, confounder, &message).unwrap(), cipher);
        assert_eq!(base.decrypt(Usage::Ticket, &cipher).unwrap(), message);
        let base = Key::new(
            Etype::Aes256Sha384,
            &bytes("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52"),
        )
        .unwrap();
        let confounder: Block = bytes("f764e9fa15c276478b2c7d0c4e5f58e4").try_into().unwrap();
        let cipher =
            bytes("41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c");
        assert_eq!(base.encrypt(Usage::Ticket, confounder, &[]).unwrap(), cipher);
    }

    /// RFC 3961, appendix A.1: folding to 64 bits is given there, to 128 bits for "kerberos"; five bytes by their definition.
    #[test]
    fn the_label_is_folded_as_by_the_definition_bit_by_bit() {
        for label in [[0, 0, 0, 2, 0xaa], [0, 0, 0, 11, 0x55], [0xff, 0, 0x81, 7, 0x99]] {
            let bit = |at: usize| (label[at / 8] >> (7 - at % 8)) & 1;
            let mut copies = Vec::new();
            for copy in 0..16 {
                for at in 0..40 {
                    copies.push(bit((at + 40 * 16 - 13 * copy) % 40));
                }
            }
            let mut sums = [0_u32; 128];
            for (at, bit) in copies.iter().enumerate() {
                sums[at % 128] += u32::from(*bit);
            }
            let mut carry = 0;
            let mut folded_bits = [0_u8; 128];
            for _ in 0..4 {
                for at in (0..128).rev() {
                    let sum = sums[at] + carry;
                    sums[at] = sum % 2;
                    carry = sum / 2;
                }
            }
            assert_eq!(carry, 0);
            for (bit, sum) in folded_bits.iter_mut().zip(sums) {
                *bit = u8::try_from(sum).unwrap();
            }
            let expected: Vec<u8> = folded_bits
                .chunks(8)
                .map(|bits| bits.iter().fold(0, |byte, bit| (byte << 1) | bit))
                .collect();
            assert_eq!(folded(&label).to_vec(), expected);
        }
    }

    fn key(etype: Etype) -> Key {
        Key::new(etype, &vec![7; etype.key_bytes()]).unwrap()
    }

    const ALL: [Etype; 4] = [Etype::Aes128Sha1, Etype::Aes256Sha1, Etype::Aes128Sha256, Etype::Aes256Sha384];

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted_and_nothing_else_is(
            message in prop::collection::vec(any::<u8>(), 0..200),
            confounder in any::<[u8; 16]>(),
            flip in any::<prop::sample::Index>(),
        ) {
            for etype in ALL {
                let mut cipher = key(etype).encrypt(Usage::Ticket, confounder, &message).unwrap();
                prop_assert_eq!(key(etype).decrypt(Usage::Ticket, &cipher), Some(message.clone()));
                prop_assert_eq!(key(etype).decrypt(Usage::Authenticator, &cipher), None);
                let at = flip.index(cipher.len());
                cipher[at] ^= 1;
                prop_assert_eq!(key(etype).decrypt(Usage::Ticket, &cipher), None);
            }
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for etype in ALL {
                prop_assert_eq!(key(etype).decrypt(Usage::Ticket, &bytes), None);
            }
        }
    }
}
