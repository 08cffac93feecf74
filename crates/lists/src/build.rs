//! Lists as they were read become one image, through the guard.

use crate::guard::{Account, Guard};
use crate::list::{ReadList, SourceState};
use crate::readers::{read_illegal, read_starter};
use crate::{ListError, Refusal, Tally};
use bytes::Bytes;
use model::{ListId, Timestamp};
use policy::image::{Image, ImageWriter, NewEntry, NewList};
use policy::rules::ListSource;
use std::sync::Arc;

/// The id of the list of illegal content that is in every image, whatever the policy lists.
pub const BUILT_IN_ILLEGAL: &str = "illegal-built-in";

/// An image's bytes, and the account of how they came to be.
#[derive(Debug)]
pub struct BuiltImage {
    /// The image, as [`crate::write`] takes it.
    pub bytes: Bytes,
    /// The account.
    pub report: Report,
}

/// The account of an update.
#[derive(Clone, Debug)]
pub struct Report {
    /// The image's revision.
    pub revision: Arc<str>,
    /// How many different names it holds.
    pub names: u64,
    /// The lists, in the order of the policy, and the one that is built in.
    pub lists: Vec<ListReport>,
}

impl Report {
    /// What is wrong with which list, a sentence each, for screens: causes with their addresses and files are in the log.
    pub fn troubles(&self) -> Vec<String> {
        let trouble = |list: &ListReport| match &list.state {
            SourceState::Fresh => None,
            SourceState::Copy { since, .. } => {
                let day = since.day();
                Some(format!(
                    "The list \u{201c}{}\u{201d} could not be read; its copy of {day} is in use.",
                    list.name
                ))
            }
            SourceState::Missing { .. } => Some(format!(
                "The list \u{201c}{}\u{201d} could not be read, and there is no copy of it.",
                list.name
            )),
        };
        self.lists.iter().filter_map(trouble).collect()
    }

    /// The names of the lists that are missing.
    pub fn missing(&self) -> Vec<&str> {
        let missing = self.lists.iter().filter(|list| matches!(list.state, SourceState::Missing { .. }));
        missing.map(|list| &*list.name).collect()
    }
}

/// The account of one list.
#[derive(Clone, Debug)]
pub struct ListReport {
    /// Its id.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// How many different names of it are in the image.
    pub names: u64,
    /// Where its entries come from.
    pub state: SourceState,
    /// What was left out, by the reader and by the guard.
    pub dropped: Tally,
    /// What the guard refused, in the order of the list: the first 50.
    pub refused: Vec<Refusal>,
}

/// Builds the image of these lists. The same entries in another order give the same bytes.
///
/// # Errors
/// [`ListError::Image`] when there are more lists than an image holds.
pub fn build(lists: &[ReadList]) -> Result<BuiltImage, ListError> {
    let guard = Guard::new();
    let mut writer = ImageWriter::default();
    let mut reports = Vec::with_capacity(lists.len());
    for list in lists {
        reports.push(add(list, &guard, &mut writer)?);
    }
    let bytes = Bytes::from(writer.finish()?);
    let image = Image::from_bytes(bytes.clone())?;
    for (report, written) in reports.iter_mut().zip(image.lists()) {
        report.names = written.names;
    }
    let report = Report { revision: image.revision().clone(), names: image.names(), lists: reports };
    Ok(BuiltImage { bytes, report })
}

/// The image of the starter lists alone, in memory: for trying a policy where there is no gate.
///
/// # Errors
/// [`ListError::Image`], were the starter lists too many for an image.
pub fn starter_image(at: Timestamp) -> Result<Image, ListError> {
    let mut list = ReadList::new(ListId::new("starter"), "Starter lists".into(), at);
    read_starter(&mut list);
    Ok(Image::from_bytes(build(&[list, built_in_illegal(at)])?.bytes)?)
}

/// True when an image has names of each of these lists and of the one that is built in.
pub fn holds(image: &Image, lists: &[ListSource]) -> bool {
    let has = |id: &ListId| image.lists().iter().any(|list| list.id == *id && list.names > 0);
    has(&ListId::new(BUILT_IN_ILLEGAL)) && lists.iter().all(|source| has(&source.id))
}

/// The list of illegal content that ships. It is no list of the policy, so that no policy can leave it out.
pub(crate) fn built_in_illegal(at: Timestamp) -> ReadList {
    let mut list = ReadList::new(ListId::new(BUILT_IN_ILLEGAL), "Illegal content, built in".into(), at);
    read_illegal(&mut list);
    list
}

fn add(list: &ReadList, guard: &Guard, writer: &mut ImageWriter) -> Result<ListReport, ListError> {
    let mut account = Account::default();
    let (id, name) = (list.id.clone(), list.name.clone());
    let index = writer.list(NewList { id, name, read_at: list.read_at, dropped: Vec::new() })?;
    for entry in list.entries() {
        if let Err(why) = guard.check(&entry) {
            account.add(&entry, why);
            continue;
        }
        let crate::Entry { ref host, reach, effect, weight, category, line } = entry;
        writer.push(index, NewEntry { host, reach, effect, weight, category, line });
    }
    for rule in list.rules() {
        writer.rule(index, rule.clone());
    }
    account.tally.add_all(&list.dropped);
    writer.left_out(index, account.tally.in_words());
    Ok(ListReport {
        id: list.id.clone(),
        name: list.name.clone(),
        names: 0,
        state: list.state.clone(),
        dropped: account.tally,
        refused: account.refused,
    })
}
