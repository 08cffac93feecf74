//! The structures that no library of ours writes: stapled proofs (RFC 6960), addresses of issuers, the demand for a proof.

use crate::TestError;
use rcgen::{CustomExtension, SerialNumber};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const OCTET_STRING: u8 = 4;
const OID: u8 = 6;
const ENUMERATED: u8 = 10;
const GENERALIZED_TIME: u8 = 24;
/// `sha256`, `ecdsa-with-SHA256`, `id-pkix-ocsp-basic`, `id-ad-caIssuers`, `id-ad-ocsp`.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 2];
const RESPONDER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1];

/// What a stapled proof says.
#[derive(Clone, Copy)]
pub(super) enum Status {
    Good,
    Revoked,
}

/// A stapled proof of one day (`YYYYMMDD`) and the six after it, signed with ECDSA and SHA-256.
pub(super) fn response(
    serial: &SerialNumber,
    status: Status,
    day: &str,
    responder: Option<&[u8]>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, rcgen::Error>,
) -> Result<Vec<u8>, TestError> {
    let time = |day: &str| element(GENERALIZED_TIME, &[format!("{day}000000Z").into_bytes()]);
    let week_later = day.parse::<u32>().map_err(|error| TestError::new(error.to_string()))? + 6;
    let id = element(
        SEQUENCE,
        &[
            element(SEQUENCE, &[element(OID, &[SHA256.to_vec()])]),
            element(OCTET_STRING, &[vec![0; 32]]),
            element(OCTET_STRING, &[vec![0; 32]]),
            element(INTEGER, &[serial.to_bytes()]),
        ],
    );
    let status = match status {
        Status::Good => vec![0x80, 0],
        Status::Revoked => element(0xa1, &[time(day)]),
    };
    let single = element(SEQUENCE, &[id, status, time(day), element(0xa0, &[time(&week_later.to_string())])]);
    let by_key = element(0xa2, &[element(OCTET_STRING, &[vec![0; 20]])]);
    let signed = element(SEQUENCE, &[by_key, time(day), element(SEQUENCE, &[single])]);
    let signature = sign(&signed)?;
    let mut basic = vec![
        signed,
        element(SEQUENCE, &[element(OID, &[ECDSA_SHA256.to_vec()])]),
        element(BIT_STRING, &[vec![0], signature]),
    ];
    basic.extend(responder.map(|certificate| element(0xa0, &[element(SEQUENCE, &[certificate.to_vec()])])));
    let basic = element(OCTET_STRING, &[element(SEQUENCE, &basic)]);
    let bytes = element(SEQUENCE, &[element(OID, &[BASIC.to_vec()]), basic]);
    Ok(element(SEQUENCE, &[element(ENUMERATED, &[vec![0]]), element(0xa0, &[bytes])]))
}

/// Where the issuer's certificate is (RFC 5280, 4.2.2.1).
pub(super) fn issuer_url(url: &str) -> CustomExtension {
    access_to(CA_ISSUERS, url)
}

/// Where a responder can be asked (the same place).
pub(super) fn responder_url(url: &str) -> CustomExtension {
    access_to(RESPONDER, url)
}

fn access_to(what: &[u8], url: &str) -> CustomExtension {
    let location = element(0x86, &[url.as_bytes().to_vec()]);
    let access = element(SEQUENCE, &[element(OID, &[what.to_vec()]), location]);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], element(SEQUENCE, &[access]))
}

/// The demand for a stapled proof (RFC 7633).
pub(super) fn must_staple() -> CustomExtension {
    let features = element(SEQUENCE, &[element(INTEGER, &[vec![5]])]);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], features)
}

/// One element with these parts one after the other.
pub(super) fn element(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut whole = vec![tag];
    if content.len() >= 128 {
        // A length has eight bytes at most.
        whole.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
    }
    whole.extend(if content.is_empty() { vec![0] } else { length });
    whole.extend(content);
    whole
}
