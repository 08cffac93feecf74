//! Lists as they were read become one image, through the guard. One list is read, passed on and dropped before the next,
//! so that only the image's own rows grow.

use crate::guard::{Account, Guard};
use crate::list::{ReadList, Says};
use crate::readers::{read_illegal, read_starter};
use crate::report::{Alarm, Cause, DroppedLine, ListReport, Report};
use crate::{ListError, guard_rules};
use bytes::Bytes;
use model::{Host, ListId, Timestamp};
use policy::image::{Image, ImageWriter, NewEntry, NewList};
use policy::rules::ListSource;

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

/// An image in the making.
pub(crate) struct Builder {
    guard: Guard,
    writer: ImageWriter,
    lists: Vec<ListReport>,
}

/// What the account says of a list besides what the list knows itself.
pub(crate) struct About {
    pub(crate) is_illegal: bool,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) meaning: u64,
}

impl Builder {
    /// `own`: the school's own hosts, which no list may block.
    pub(crate) fn new(own: &[Host]) -> Self {
        Self { guard: Guard::new(own), writer: ImageWriter::default(), lists: Vec::new() }
    }

    /// Passes a list on to the image, through the guard.
    pub(crate) fn add(&mut self, list: &ReadList, about: About) -> Result<(), ListError> {
        let mut account = Account { hides_names: about.is_illegal, ..Account::default() };
        let (id, name) = (list.id.clone(), list.name.clone());
        let index = self.writer.list(NewList { id, name, read_at: list.read_at, dropped: Vec::new() })?;
        for row in list.rows() {
            let Says { reach, effect, weight, category } = row.says;
            let Some(host) = row.host() else { continue };
            let checked = match &host {
                Host::Name(name) => self.guard.check(name, &row.says),
                Host::Address(address) => Guard::check_address(*address),
            };
            if let Err(why) = checked {
                account.add(row.text, category, row.line, why);
                continue;
            }
            self.writer
                .push(index, NewEntry { host: &host, reach, effect, weight, category, line: row.line });
        }
        let refused = guard_rules::refused(&self.guard, list, &mut account);
        for (place, rule) in list.rules().iter().enumerate() {
            if !refused.contains_key(&place) {
                self.writer.rule(index, rule.clone());
            }
        }
        account.tally.add_all(&list.dropped);
        self.writer.left_out(index, account.tally.in_words());
        self.lists.push(ListReport {
            id: list.id.clone(),
            name: list.name.clone(),
            is_illegal: about.is_illegal,
            names: 0,
            entries: list.len() as u64,
            rules: (list.rules().len() - refused.len()) as u64,
            state: list.state.clone(),
            read_at: list.read_at,
            alarms: about.alarms,
            dropped: account.tally.in_words(),
            first_dropped: first_dropped(list),
            refused: account.refused,
            meaning: about.meaning,
        });
        Ok(())
    }

    /// Writes the image.
    pub(crate) fn finish(self, cause: Cause, at: Timestamp) -> Result<(BuiltImage, Image), ListError> {
        let Self { guard: _, writer, mut lists } = self;
        let bytes = Bytes::from(writer.finish()?);
        let image = Image::from_bytes(bytes.clone())?;
        for (report, written) in lists.iter_mut().zip(image.lists()) {
            report.names = written.names;
        }
        let report = Report { revision: image.revision().clone(), at, cause, names: image.names(), lists };
        Ok((BuiltImage { bytes, report }, image))
    }
}

/// Builds the image of these lists. The same entries in another order give the same bytes.
///
/// # Errors
/// [`ListError::Image`] when there are more lists than an image holds.
pub fn build(lists: &[ReadList]) -> Result<BuiltImage, ListError> {
    let mut builder = Builder::new(&[]);
    for list in lists {
        let is_illegal = list.id.as_str() == BUILT_IN_ILLEGAL;
        builder.add(list, About { is_illegal, alarms: Vec::new(), meaning: 0 })?;
    }
    Ok(builder.finish(Cause::schedule(), Timestamp(0))?.0)
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

/// True when an image has something of each of these lists and of the one that is built in. `report`: the image's account,
/// without which a list that has rules alone (pages, patterns, ranges, hashes) is not known to be there.
pub fn holds(image: &Image, report: Option<&Report>, lists: &[ListSource]) -> bool {
    let has = |id: &ListId| has_any_of(image, report, id);
    has(&ListId::new(BUILT_IN_ILLEGAL)) && lists.iter().all(|source| has(&source.id))
}

/// True when an image has names of a list or, by its own account, rules.
pub(crate) fn has_any_of(image: &Image, report: Option<&Report>, id: &ListId) -> bool {
    let told =
        report.filter(|report| report.revision == *image.revision()).and_then(|report| report.list(id));
    told.is_some_and(|told| told.rules > 0)
        || image.lists().iter().any(|list| list.id == *id && list.names > 0)
}

fn first_dropped(list: &ReadList) -> Vec<DroppedLine> {
    let lines = list.first_dropped().iter();
    lines.map(|(line, why)| DroppedLine { line: *line, why: why.words().into() }).collect()
}

/// The list of illegal content that ships. It is no list of the policy, so that no policy can leave it out.
pub(crate) fn built_in_illegal(at: Timestamp) -> ReadList {
    let mut list = ReadList::new(ListId::new(BUILT_IN_ILLEGAL), "Illegal content, built in".into(), at);
    read_illegal(&mut list);
    list
}
