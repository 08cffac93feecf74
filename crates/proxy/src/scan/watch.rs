//! Looking out for kinds of files that may not be sent: in a body that is a file by its first bytes, in a form at the
//! beginning of each file in it, as it goes by.

use super::form::{FormPart, FormReader};
use crate::rules::{Judged, LongTalk};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use inspect::file_type;
use model::{DnsAnswer, FileKind, Layer, Outcome, Reason, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The kinds that may not be sent, and by whose rules.
pub(crate) struct Unwanted {
    kinds: BTreeSet<FileKind>,
    verdict: Verdict,
}

impl Unwanted {
    /// What these rules refuse; `None` where that is nothing.
    pub(super) fn of(judged: &Judged) -> Option<Self> {
        let kinds = judged.traffic().uploads.block_files.clone();
        (!kinds.is_empty()).then(|| Self { kinds, verdict: judged.verdict.clone() })
    }

    /// Refuses a file by its first bytes.
    pub(super) fn check(&self, first: &[u8]) -> Result<(), Box<Verdict>> {
        let Some(found) = file_type::of(first).filter(|found| self.kinds.contains(&found.kind)) else {
            return Ok(());
        };
        Err(self.refuse(found.kind.slug(), &format!("it is {}, whatever it is called", found.words)))
    }

    /// Refuses a body that cannot be looked into.
    pub(super) fn refuse(&self, entry: &str, why: &str) -> Box<Verdict> {
        let reason = Reason {
            layer: Layer::Upload,
            category: None,
            list: None,
            entry: Some(Arc::from(entry)),
            why: Some(Arc::from(why)),
            ..self.verdict.reason.clone()
        };
        let refused = Verdict {
            outcome: Outcome::Block,
            rewrite: None,
            answer: DnsAnswer::AsUsual,
            ..self.verdict.clone()
        };
        Box::new(Verdict { reason, ..refused })
    }

    /// Refuses a form that nobody here can read; its host might.
    pub(super) fn refuse_form(&self) -> Box<Verdict> {
        self.refuse("form", "it is a form that cannot be looked into")
    }
}

/// A request's body that is looked at as it goes by.
pub(crate) enum UploadWatch {
    Form(Box<FormWatch>),
    Talk(LongTalk),
}

impl UploadWatch {
    /// Sees the next bytes of the body.
    ///
    /// # Errors
    /// The verdict that refuses it from here on.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Result<(), Box<Verdict>> {
        match self {
            Self::Form(form) => form.see(bytes),
            Self::Talk(talk) => talk.see(bytes),
        }
    }

    /// Sees the end of the body.
    ///
    /// # Errors
    /// The verdict that refuses it.
    pub(crate) fn end(&mut self) -> Result<(), Box<Verdict>> {
        match self {
            Self::Form(form) => form.end(),
            Self::Talk(_) => Ok(()),
        }
    }
}

/// A form that goes by.
pub(crate) struct FormWatch {
    unwanted: Unwanted,
    form: FormReader,
    first: Vec<u8>,
    /// The file that goes by was told already.
    told: bool,
}

impl FormWatch {
    /// For a body with this head; `None` where it is no form.
    pub(super) fn of(unwanted: Unwanted, head: &HeaderMap) -> Option<Self> {
        let form = head.get(CONTENT_TYPE).and_then(|kind| FormReader::of(kind.as_bytes()))?;
        Some(Self { unwanted, form, first: Vec::new(), told: false })
    }

    /// Sees the next bytes of the body.
    ///
    /// # Errors
    /// The verdict that refuses a file in it, or a form that cannot be read.
    fn see(&mut self, bytes: &[u8]) -> Result<(), Box<Verdict>> {
        for part in self.form.push(bytes).map_err(|_| self.unwanted.refuse_form())? {
            match part {
                FormPart::Bytes(bytes) => self.see_file(&bytes)?,
                FormPart::Ends => {
                    self.tell()?;
                    self.told = false;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Box<Verdict>> {
        if self.form.is_broken() {
            return Err(self.unwanted.refuse_form());
        }
        let rest = self.form.rest();
        self.see_file(&rest)?;
        self.tell()
    }

    fn see_file(&mut self, bytes: &[u8]) -> Result<(), Box<Verdict>> {
        if self.told {
            return Ok(());
        }
        let room = file_type::MOST_BYTES.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if file_type::wants_more(&self.first) { Ok(()) } else { self.tell() }
    }

    fn tell(&mut self) -> Result<(), Box<Verdict>> {
        let first = std::mem::take(&mut self.first);
        if std::mem::replace(&mut self.told, true) { Ok(()) } else { self.unwanted.check(&first) }
    }
}
