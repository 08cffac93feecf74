//! Checkpoints of the audit log: what the head of a chain was at a time, signed; and the file of them that lies outside the
//! records, so that records that were put back from an older copy are seen.

use crate::key::Purpose;
use crate::{PublicKey, SigningKey, WireError};
use model::{Checkpoint, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The longest line of the file.
const MOST_LINE_BYTES: u64 = 4 * 1024;
/// The most lines that are read: some centuries of them.
const MOST_LINES: usize = 500_000;

/// A line of the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    scope: String,
    sequence: i64,
    hash: String,
    at: i64,
    key: String,
    signature: String,
}

/// What the file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Noted {
    /// Its checkpoints, as they were written.
    pub checkpoints: Vec<Checkpoint>,
    /// Numbers of the lines that do not read, from 1.
    pub unreadable: Vec<usize>,
    /// The last line, where it does not read and does not end: a loss of power cut it short. The next checkpoint takes its
    /// place.
    pub torn: Option<usize>,
}

/// Signs the head of a chain: the scope, the place of its newest fact, that fact's hash, and when this is.
pub fn sign_checkpoint(
    key: &SigningKey,
    (scope, sequence, hash): (&str, i64, &str),
    at: Timestamp,
) -> Checkpoint {
    let mut checkpoint = Checkpoint {
        scope: scope.to_owned(),
        sequence,
        hash: hash.to_owned(),
        at,
        key: key.public().to_string(),
        signature: String::new(),
    };
    checkpoint.signature = key.sign(Purpose::Checkpoint, &signed_bytes(&checkpoint));
    checkpoint
}

/// True where a checkpoint's signature is its own key's. Whether that key is the school's is another question.
pub fn is_genuine(checkpoint: &Checkpoint) -> bool {
    PublicKey::parse(&checkpoint.key)
        .is_some_and(|key| key.signed(Purpose::Checkpoint, &signed_bytes(checkpoint), &checkpoint.signature))
}

/// Each field as its length (8 bytes, big-endian) and its bytes.
fn signed_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let (sequence, at) = (checkpoint.sequence.to_be_bytes(), checkpoint.at.0.to_be_bytes());
    let fields: [&[u8]; 4] = [checkpoint.scope.as_bytes(), &sequence, checkpoint.hash.as_bytes(), &at];
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

/// Writes a checkpoint to the end of the file, which is made where it is missing, and waits until it is on disk.
pub fn note_checkpoint(file: &Path, checkpoint: &Checkpoint) -> Result<(), WireError> {
    let line = Line {
        scope: checkpoint.scope.clone(),
        sequence: checkpoint.sequence,
        hash: checkpoint.hash.clone(),
        at: checkpoint.at.0,
        key: checkpoint.key.clone(),
        signature: checkpoint.signature.clone(),
    };
    let mut text = serde_json::to_vec(&line)
        .map_err(|error| WireError::File { what: "write a checkpoint", source: io::Error::other(error) })?;
    text.push(b'\n');
    let failed = WireError::file;
    let mut out = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map_err(failed("open the file of checkpoints"))?;
    if mend_end(&out).map_err(failed("mend the end of the file of checkpoints"))? == End::Open {
        text.insert(0, b'\n');
    }
    out.write_all(&text).and_then(|()| out.sync_all()).map_err(failed("write a checkpoint"))
}

/// How the file ends.
#[derive(PartialEq, Eq)]
enum End {
    /// After a whole line, or before the first.
    Whole,
    /// After a checkpoint that lacks the end of its line.
    Open,
}

/// Takes away a line that a loss of power cut short: it is in no records, since the file is written first.
fn mend_end(file: &File) -> io::Result<End> {
    use std::os::unix::fs::FileExt as _;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(MOST_LINE_BYTES);
    let mut end = vec![0; usize::try_from(length - start).unwrap_or(0)];
    file.read_exact_at(&mut end, start)?;
    if end.last().is_none_or(|last| *last == b'\n') {
        return Ok(End::Whole);
    }
    let line = end.rsplit(|byte| *byte == b'\n').next().unwrap_or(&end);
    if serde_json::from_slice::<Line>(line).is_ok() {
        return Ok(End::Open);
    }
    file.set_len(length.saturating_sub(u64::try_from(line.len()).unwrap_or(0))).map(|()| End::Whole)
}

/// Reads the file; one that is not there holds nothing.
pub fn noted_checkpoints(file: &Path) -> Result<Noted, WireError> {
    let failed = WireError::file("read the file of checkpoints");
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Noted::default()),
        Err(source) => return Err(failed(source)),
    };
    read_lines(&mut BufReader::new(file)).map_err(failed)
}

fn read_lines(file: &mut BufReader<File>) -> io::Result<Noted> {
    let mut noted = Noted::default();
    for number in 1..=MOST_LINES {
        let mut line = Vec::new();
        if file.take(MOST_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(noted);
        }
        match serde_json::from_slice::<Line>(&line) {
            Ok(line) => noted.checkpoints.push(Checkpoint {
                scope: line.scope,
                sequence: line.sequence,
                hash: line.hash,
                at: Timestamp(line.at),
                key: line.key,
                signature: line.signature,
            }),
            Err(_) if line.last() != Some(&b'\n') && file.fill_buf()?.is_empty() => noted.torn = Some(number),
            Err(_) => noted.unreadable.push(number),
        }
    }
    Err(io::Error::other("it has more lines than are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::read(&SigningKey::fresh().unwrap()).unwrap()
    }

    #[test]
    fn every_field_of_a_checkpoint_is_signed() {
        let genuine = sign_checkpoint(&key(), ("trust", 7, "ab"), Timestamp(5));
        assert!(is_genuine(&genuine));
        let changes: [fn(&mut Checkpoint); 6] = [
            |c| c.scope = "school:ash".to_owned(),
            |c| c.sequence += 1,
            |c| c.hash = "cd".to_owned(),
            |c| c.at = Timestamp(6),
            |c| c.key = key().public().to_string(),
            |c| c.signature = c.signature.replace(|_: char| true, "0"),
        ];
        for change in changes {
            let mut changed = genuine.clone();
            change(&mut changed);
            assert!(!is_genuine(&changed), "{changed:?}");
        }
    }

    #[test]
    fn the_file_grows_by_lines_and_a_torn_last_one_is_no_changed_one() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("noted");
        assert_eq!(noted_checkpoints(&file).unwrap(), Noted::default());
        let (key, mut written) = (key(), Vec::new());
        for sequence in 1..4 {
            let checkpoint = sign_checkpoint(&key, ("trust", sequence, "ab"), Timestamp(sequence));
            note_checkpoint(&file, &checkpoint).unwrap();
            written.push(checkpoint);
        }
        let text = std::fs::read(&file).unwrap();
        std::fs::write(&file, &text[..text.len() - 9]).unwrap();
        let torn = noted_checkpoints(&file).unwrap();
        assert_eq!((torn.checkpoints.len(), torn.unreadable, torn.torn), (2, Vec::new(), Some(3)));
        note_checkpoint(&file, &written[2]).unwrap();
        assert_eq!(
            noted_checkpoints(&file).unwrap(),
            Noted { checkpoints: written.clone(), ..Noted::default() }
        );
        // Only the end of the line is missing: the checkpoint stays.
        std::fs::write(&file, &text[..text.len() - 1]).unwrap();
        note_checkpoint(&file, &written[0]).unwrap();
        assert_eq!(noted_checkpoints(&file).unwrap().checkpoints.len(), 4);
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, whole.replacen("\"scope\"", "\"scape\"", 1)).unwrap();
        let changed = noted_checkpoints(&file).unwrap();
        assert_eq!((changed.unreadable, changed.torn), (vec![1], None));
    }
}
