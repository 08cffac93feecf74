//! What an OLE compound file is: an installer, or an office document in the old form ([MS-CFB] 2.2 and 2.6.1).
//!
//! The root entry's class tells an installer; it lies in the first sector of the directory, which is not always among the
//! first bytes. What cannot be told counts as a document that may carry macros.

use super::FileType;
use model::FileKind;

pub(super) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The classes of Windows installers and their patches and transforms, as they lie in a file, but for the first byte.
const INSTALLER: &[u8] =
    &[0x10, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46];
const INSTALLER_FIRST: [u8; 3] = [0x82, 0x84, 0x86];

/// What a compound file is that begins so.
pub(super) fn of(first: &[u8]) -> FileType {
    if root_class(first).is_some_and(is_installer) {
        return FileType { kind: FileKind::Installers, words: "a Windows installer" };
    }
    let words = "an office document in the old form, which may carry macros";
    FileType { kind: FileKind::MacroDocuments, words }
}

fn root_class(first: &[u8]) -> Option<&[u8]> {
    let sector_shift = u32::from(u16::from_le_bytes(first.get(30..32)?.try_into().ok()?));
    let sector = 1_u64.checked_shl(sector_shift).filter(|sector| (512..=4096).contains(sector))?;
    let directory = u64::from(u32::from_le_bytes(first.get(48..52)?.try_into().ok()?));
    let class_at = usize::try_from((directory + 1) * sector + 80).ok()?;
    first.get(class_at..class_at.checked_add(16)?)
}

fn is_installer(class: &[u8]) -> bool {
    class.split_first().is_some_and(|(first, rest)| INSTALLER_FIRST.contains(first) && rest == INSTALLER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound(directory: u32, class_first: u8) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        bytes[..8].copy_from_slice(SIGNATURE);
        bytes[30..32].copy_from_slice(&9_u16.to_le_bytes());
        bytes[48..52].copy_from_slice(&directory.to_le_bytes());
        let at = (usize::try_from(directory).unwrap() + 1) * 512 + 80;
        if let Some(class) = bytes.get_mut(at..at + 16) {
            class[0] = class_first;
            class[1..].copy_from_slice(INSTALLER);
        }
        bytes
    }

    #[test]
    fn an_installer_is_told_from_a_document_where_its_class_is_among_the_first_bytes() {
        assert_eq!(of(&compound(1, 0x84)).kind, FileKind::Installers);
        assert_eq!(of(&compound(1, 0x20)).kind, FileKind::MacroDocuments);
        assert_eq!(of(&compound(900, 0x84)).kind, FileKind::MacroDocuments);
        assert_eq!(of(SIGNATURE).kind, FileKind::MacroDocuments);
        assert_eq!(of(&compound(1, 0x84)[..50]).kind, FileKind::MacroDocuments);
        let mut odd = compound(1, 0x84);
        odd[30..32].copy_from_slice(&u16::MAX.to_le_bytes());
        odd[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(of(&odd).kind, FileKind::MacroDocuments);
    }
}
