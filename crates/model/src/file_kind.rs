//! Kinds of files, as a policy speaks of them.
//!
//! Left out: how a kind is told; `inspect` does that, by a file's first bytes.

/// A kind of file that a policy can shut out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    /// What a computer runs as it is: Windows, macOS, Linux and Java programs, and browser extensions.
    Programs,
    /// What installs programs: packages of Windows, macOS, Linux and Android.
    Installers,
    /// Scripts and shortcuts that start something.
    Scripts,
    /// Images of whole disks, which a computer mounts.
    DiskImages,
    /// Files that hold other files.
    Archives,
    /// Office documents that carry macros, or whose old form may.
    MacroDocuments,
    /// Office documents without macros, and PDF.
    Documents,
    /// Pictures.
    Images,
    /// Music and speech.
    Audio,
    /// Films.
    Video,
    /// Files that lead into a file-sharing swarm.
    Torrents,
}

impl FileKind {
    /// Every kind, in the order of screens.
    pub const ALL: [FileKind; 11] = [
        Self::Programs,
        Self::Installers,
        Self::Scripts,
        Self::DiskImages,
        Self::Archives,
        Self::MacroDocuments,
        Self::Documents,
        Self::Images,
        Self::Audio,
        Self::Video,
        Self::Torrents,
    ];

    /// The name in policies, tables and history.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Installers => "installers",
            Self::Scripts => "scripts",
            Self::DiskImages => "disk-images",
            Self::Archives => "archives",
            Self::MacroDocuments => "macro-documents",
            Self::Documents => "documents",
            Self::Images => "images",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Torrents => "torrents",
        }
    }

    /// The words on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Installers => "installers",
            Self::Scripts => "scripts and shortcuts",
            Self::DiskImages => "disk images",
            Self::Archives => "archives",
            Self::MacroDocuments => "documents with macros",
            Self::Documents => "documents",
            Self::Images => "pictures",
            Self::Audio => "sound",
            Self::Video => "video",
            Self::Torrents => "torrents",
        }
    }

    /// Reads the name in policies, tables and history.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for kind in FileKind::ALL {
            assert_eq!(FileKind::parse(kind.slug()), Some(kind));
        }
    }
}
