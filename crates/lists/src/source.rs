//! One list from its source: a look at it, and what becomes of what came. A source that fails, or that brings what
//! nobody would expect, is replaced by its last good copy.

use crate::archive::{self, Opened};
use crate::background::in_background;
use crate::copies::{self, Known};
use crate::fetch::{Downloaded, Fetch, OnBytes, Packing, Tags, Wanted, address, download};
use crate::fingerprint::of_words;
use crate::list::{ReadList, SourceState};
use crate::readers::{files_read, read_opened, read_starter, read_zone};
use crate::report::{Alarm, Report};
use crate::schedule::Schedule;
use crate::transfer::{Transferred, Zone, ZonePlace, place, transfer};
use crate::tree::{Tree, read_file};
use crate::{Dropped, ListError, ReadSet, credentials, proof};
use model::{Category, ListId, Timestamp};
use policy::rules::{ListFormat, ListSource, Subscription};
use std::path::{Path, PathBuf};
use url::Url;

/// A list may newly list so many entries at least, whatever its size.
const NEW_ENTRIES: u64 = 10_000;

/// Which sources an update looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look {
    /// Every source.
    All,
    /// Those that are due; of the others the copies are read.
    Due,
    /// Those of these lists; of the others the copies are read, where there is one.
    These(Vec<ListId>),
}

impl Look {
    /// True when a list is among those that somebody named.
    pub(crate) fn names(&self, list: &ListId) -> bool {
        matches!(self, Self::These(lists) if lists.contains(list))
    }
}

/// All that a look at a source needs besides the source.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) dir: PathBuf,
    pub(crate) secrets: PathBuf,
    pub(crate) fetch: Fetch,
    pub(crate) schedule: Schedule,
    pub(crate) look: Look,
    pub(crate) accept: Vec<ListId>,
    pub(crate) at: Timestamp,
}

/// What a look at a source brought.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The bytes of the source, not read yet.
    Bytes { bytes: Vec<u8>, signature: Option<Vec<u8>>, tags: Tags },
    /// A folder, or the lists that ship: read where they lie.
    Local,
    /// The source holds what the copy holds.
    Unchanged,
    /// The source was not looked at: the copy is new enough.
    NotDue,
    /// The list stays as it is in force: what it was made of, when that was read, and where it came from.
    Kept { bytes: Vec<u8>, read_at: Timestamp, state: SourceState },
    /// The look failed.
    Failed(ListError),
}

/// A list to be built in, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) list: ReadList,
    pub(crate) set: ReadSet,
    /// The fingerprints of the entries in force; `None` where they are not known.
    pub(crate) before: Option<ReadSet>,
    pub(crate) alarms: Vec<Alarm>,
    /// True when a new copy was laid by.
    pub(crate) is_staged: bool,
}

/// What the policy says of where the list comes from, as a number: with another, no earlier look counts.
pub(crate) fn origin(source: &ListSource) -> u64 {
    let Subscription { sha256, minisign_key, credentials, .. } = &source.subscription;
    of_words([
        source.source.as_bytes(),
        sha256.as_ref().map_or(&[][..], |hash| &hash[..]),
        minisign_key.as_deref().unwrap_or_default().as_bytes(),
        credentials.as_deref().unwrap_or_default().as_bytes(),
    ])
}

/// What the policy says of where the list is and what its names mean, as a number: readings with different ones are not
/// compared.
pub(crate) fn meaning(source: &ListSource) -> u64 {
    let mut meaning = format!("{:?} {:?} {:?}", source.format, source.category, source.folders);
    if source.subscription.rewrites {
        meaning.push_str(" rewrites");
    }
    of_words([source.source.as_bytes(), meaning.as_bytes()])
}

/// Looks at a source. What fails is a result like another.
pub(crate) async fn look(source: &ListSource, setting: &Setting, on_bytes: OnBytes<'_>) -> Seen {
    let known = copies::known(&setting.dir, &source.id).filter(|known| known.origin == origin(source));
    let has_copy = known.as_ref().is_some_and(|known| copies::is_there(&setting.dir, &source.id, known));
    let looked = known.as_ref().map(Known::looked);
    let is_due = match &setting.look {
        Look::All => true,
        Look::Due => setting.schedule.is_due(source, looked, setting.at),
        Look::These(_) => setting.look.names(&source.id),
    };
    if has_copy && !is_due && matches!(setting.look, Look::These(_)) {
        return Seen::NotDue;
    }
    let known = known.filter(|_| has_copy);
    let seen = match (address(&source.source), place(&source.source)) {
        (Some(_), _) | (_, Some(_)) if !is_due && has_copy => return Seen::NotDue,
        (Some(url), _) => fetched(source, setting, url, known.as_ref(), on_bytes).await,
        (None, Some(place)) => transferred(source, setting, &place, has_copy, on_bytes).await,
        (None, None) => {
            let source = source.clone();
            blocking(move || local(&source)).await
        }
    };
    seen.unwrap_or_else(Seen::Failed)
}

async fn transferred(
    source: &ListSource,
    setting: &Setting,
    place: &ZonePlace,
    has_copy: bool,
    on_bytes: OnBytes<'_>,
) -> Result<Seen, ListError> {
    let key = match &source.subscription.credentials {
        Some(name) => Some(credentials::transfer_key(&setting.secrets, name)?),
        None => None,
    };
    let (dir, list) = (setting.dir.clone(), source.id.clone());
    let copied = move || {
        let copy = has_copy.then(|| copies::last(&dir, &list).ok()).flatten();
        Ok(copy.and_then(|copy| Zone::from_text(std::str::from_utf8(&copy).ok()?)))
    };
    let have = blocking(copied).await?;
    match transfer(place, key.as_ref(), have, (&setting.fetch, setting.at), on_bytes).await? {
        Transferred::Unchanged => Ok(Seen::Unchanged),
        Transferred::New(zone) => {
            let bytes = blocking(move || Ok(zone.to_text().into_bytes())).await?;
            Ok(Seen::Bytes { bytes, signature: None, tags: Tags::default() })
        }
    }
}

async fn fetched(
    source: &ListSource,
    setting: &Setting,
    url: Url,
    known: Option<&Known>,
    on_bytes: OnBytes<'_>,
) -> Result<Seen, ListError> {
    let asked = &source.subscription;
    let credentials = match &asked.credentials {
        Some(name) => Some(credentials::header(&setting.secrets, name)?),
        None => None,
    };
    let packing = if proof::is_asked(asked) { Packing::AsItIs } else { Packing::Gzip };
    let tags =
        known.map(|known| Tags { etag: known.etag.clone(), last_modified: known.last_modified.clone() });
    let wanted = Wanted { url, own_header: credentials, tags: tags.unwrap_or_default(), packing };
    let Downloaded::New(bytes, tags) = download(wanted.clone(), &setting.fetch, on_bytes).await? else {
        return Ok(Seen::Unchanged);
    };
    let signature = match &asked.minisign_key {
        Some(_) => Some(signature(wanted, &setting.fetch).await?),
        None => None,
    };
    Ok(Seen::Bytes { bytes, signature, tags })
}

async fn signature(mut wanted: Wanted, settings: &Fetch) -> Result<Vec<u8>, ListError> {
    let path = format!("{}.minisig", wanted.url.path());
    wanted.url.set_path(&path);
    wanted.tags = Tags::default();
    let settings = Fetch { size_limit_bytes: proof::SIGNATURE_LIMIT_BYTES, ..settings.clone() };
    match download(wanted, &settings, &mut |_, _| ()).await? {
        Downloaded::New(bytes, _) => Ok(bytes),
        Downloaded::Unchanged => Ok(Vec::new()),
    }
}

fn local(source: &ListSource) -> Result<Seen, ListError> {
    let path = Path::new(&*source.source);
    if source.format == ListFormat::Starter || path.is_dir() {
        return if proof::is_asked(&source.subscription) {
            Err(ListError::NothingToProve)
        } else {
            Ok(Seen::Local)
        };
    }
    let bytes = read_file(path)?;
    let signature = match source.subscription.minisign_key {
        Some(_) => Some(read_file(&path.with_added_extension("minisig"))?),
        None => None,
    };
    Ok(Seen::Bytes { bytes, signature, tags: Tags::default() })
}

/// A list read from its own source, and the bytes to keep as its copy.
struct Fresh {
    list: ReadList,
    copy: Option<(Vec<u8>, Tags)>,
}

/// Makes a list of what a look brought: reads it, compares it with what is in force, keeps the copy of a good one.
pub(crate) fn settle(source: &ListSource, setting: &Setting, before: Option<&Report>, seen: Seen) -> Settled {
    let (dir, at) = (&setting.dir, setting.at);
    let seen = match seen {
        Seen::Kept { bytes, read_at, state } => return as_kept(source, setting, &bytes, (read_at, state)),
        seen => seen,
    };
    let mut known = known_of(source, dir, at);
    let in_force = copies::set(dir, &source.id);
    let same =
        before.and_then(|report| report.list(&source.id)).is_some_and(|list| list.meaning == meaning(source));
    let fresh = match seen {
        Seen::NotDue | Seen::Kept { .. } => return from_copy(source, setting, &known, in_force),
        Seen::Unchanged => {
            known = Known { good: Some(at.0), last: at, failure: None, held: None, ..known };
            note(dir, source, &known);
            return from_copy(source, setting, &known, in_force);
        }
        Seen::Failed(error) => Err(error),
        Seen::Local => read_local(source, at),
        Seen::Bytes { bytes, signature, tags } => {
            proof::check(&source.subscription, &bytes, signature.as_deref())
                .and_then(|()| read_packed(source, &bytes, at))
                .map(|list| Fresh { list, copy: Some((bytes, tags)) })
        }
    };
    let fresh = match fresh {
        Ok(fresh) => fresh,
        Err(error) => {
            known = Known { last: at, failure: Some(error.chain()), ..known };
            note(dir, source, &known);
            return from_copy(source, setting, &known, in_force);
        }
    };
    let set = ReadSet::of(&fresh.list);
    let is_accepted = setting.accept.contains(&source.id);
    let compared = in_force.as_ref().filter(|set| same && !is_accepted && set.len() > 0);
    if let Some(alarm) = compared.and_then(|before| judge(source, before, &set)) {
        tracing::warn!(
            list = source.id.as_str(),
            ?alarm,
            "a list changed more than expected; its copy stays in force"
        );
        known = Known { good: Some(at.0), last: at, failure: None, held: Some(alarm), ..known };
        note(dir, source, &known);
        return from_copy(source, setting, &known, in_force);
    }
    let is_staged = keep(source, setting, fresh.copy);
    Settled { list: fresh.list, set, before: in_force, alarms: Vec::new(), is_staged }
}

/// A list as the image in force has it. What is known of its source stays as it is: nobody looked.
fn as_kept(
    source: &ListSource,
    setting: &Setting,
    bytes: &[u8],
    (read_at, state): (Timestamp, SourceState),
) -> Settled {
    let list = match read_packed(source, bytes, read_at) {
        Ok(mut list) => {
            list.state = state;
            list
        }
        Err(error) => missing(source, error.chain(), setting.at),
    };
    let (set, before) = (ReadSet::of(&list), copies::set(&setting.dir, &source.id));
    Settled { list, set, before, alarms: Vec::new(), is_staged: false }
}

fn missing(source: &ListSource, why: String, at: Timestamp) -> ReadList {
    let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
    list.state = SourceState::Missing { why };
    list
}

/// What is known of the source. Of one that the policy has put elsewhere since, only the age of its copy counts.
fn known_of(source: &ListSource, dir: &Path, at: Timestamp) -> Known {
    let new = Known::new(origin(source), at);
    match copies::known(dir, &source.id) {
        Some(known) if known.origin == new.origin => known,
        Some(known) => Known { taken: known.taken, ..new },
        None => new,
    }
}

/// What is wrong with a reading, against the one in force.
fn judge(source: &ListSource, before: &ReadSet, now: &ReadSet) -> Option<Alarm> {
    // A fifth or more of what was there is gone.
    if now.len().saturating_mul(5) <= before.len().saturating_mul(4) && now.len() < before.len() {
        return Some(Alarm::Shrank { before: before.len(), after: now.len() });
    }
    let most = source.subscription.most_new_names.unwrap_or(NEW_ENTRIES.max(before.len() / 2));
    let new = before.added(now).len();
    (new > most).then_some(Alarm::Grew { new, most })
}

/// Lays the copy of a good list by; true when there is one to be taken.
fn keep(source: &ListSource, setting: &Setting, copy: Option<(Vec<u8>, Tags)>) -> bool {
    let at = setting.at;
    let mut known = Known { taken: Some(at.0), good: Some(at.0), ..Known::new(origin(source), at) };
    let Some((bytes, tags)) = copy else {
        note(&setting.dir, source, &known);
        return false;
    };
    known.copy_bytes = bytes.len() as u64;
    (known.etag, known.last_modified) = (tags.etag, tags.last_modified);
    match copies::stage(&setting.dir, &source.id, &bytes, &known) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(list = source.id.as_str(), error = error.chain(), "no copy kept of a list");
            false
        }
    }
}

fn note(dir: &Path, source: &ListSource, known: &Known) {
    if let Err(error) = copies::note(dir, &source.id, known) {
        tracing::warn!(
            list = source.id.as_str(),
            error = error.chain(),
            "a look at a list could not be noted"
        );
    }
}

/// The last good copy, with what is to be said of its age and of what it stands in for.
fn from_copy(source: &ListSource, setting: &Setting, known: &Known, before: Option<ReadSet>) -> Settled {
    let mut alarms: Vec<Alarm> = known.held.clone().into_iter().collect();
    let copy = copies::last(&setting.dir, &source.id);
    let why = known
        .failure
        .clone()
        .or_else(|| known.held.as_ref().map(|_| "the new reading was held back".to_owned()));
    let since = known.taken();
    let list = match (copy.and_then(|bytes| read_packed(source, &bytes, since)), why) {
        (Ok(mut list), None) => {
            list.read_at = known.good.map_or(since, Timestamp);
            list
        }
        (Ok(mut list), Some(why)) => {
            tracing::warn!(list = source.id.as_str(), %since, error = why, "a list's last copy is used");
            list.state = SourceState::Copy { since, why };
            list
        }
        (Err(error), why) => {
            let why = why.unwrap_or_else(|| error.chain());
            tracing::error!(
                list = source.id.as_str(),
                error = why,
                "a list failed, and there is no copy of it"
            );
            missing(source, why, setting.at)
        }
    };
    if let Some(good) = known.good.map(Timestamp)
        && setting.schedule.is_silent(source, good, setting.at)
    {
        alarms.push(Alarm::Silent { since: good });
    }
    let set = ReadSet::of(&list);
    Settled { list, set, before, alarms, is_staged: false }
}

fn read_local(source: &ListSource, at: Timestamp) -> Result<Fresh, ListError> {
    if source.format == ListFormat::Starter {
        let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
        read_starter(&mut list);
        return Ok(Fresh { list, copy: None });
    }
    let opened = Opened::Tree(Tree::from_folder(Path::new(&*source.source))?);
    let list = read(source, &opened, at)?;
    let Opened::Tree(tree) = opened else { return Ok(Fresh { list, copy: None }) };
    let copy = match archive::pack(&tree, files_read(source.format)) {
        // The folder is as much too large as an archive of it would be.
        Err(error @ ListError::TooLarge { .. }) => return Err(error),
        copy => copy.inspect_err(|error| {
            tracing::warn!(
                list = source.id.as_str(),
                error = error.chain(),
                "no copy made of a list's folder"
            );
        }),
    };
    Ok(Fresh { list, copy: copy.ok().map(|bytes| (bytes, Tags::default())) })
}

fn read_packed(source: &ListSource, bytes: &[u8], at: Timestamp) -> Result<ReadList, ListError> {
    let Some(place) = place(&source.source) else {
        return read(source, &archive::open(bytes, files_read(source.format))?, at);
    };
    let mut list = empty(source, at);
    let category = source.category.ok_or(ListError::NoCategory)?;
    read_zone(place.zone(), Zone::records(&String::from_utf8_lossy(bytes)), category, &mut list);
    believed(source, list)
}

fn read(source: &ListSource, opened: &Opened<'_>, at: Timestamp) -> Result<ReadList, ListError> {
    let mut list = empty(source, at);
    read_opened(source, opened, &mut list)?;
    believed(source, list)
}

/// A list to be read as the policy lets it.
fn empty(source: &ListSource, at: Timestamp) -> ReadList {
    let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
    list.rewrites = source.subscription.rewrites;
    list
}

/// A source of which not one rule can be read is a failure too: it is an error page or another format. So is one of illegal
/// content that has more rules than are kept.
fn believed(source: &ListSource, list: ReadList) -> Result<ReadList, ListError> {
    if list.is_empty() {
        return Err(ListError::NoNames { dropped: list.dropped.total() });
    }
    if source.category == Some(Category::ILLEGAL) && list.dropped.count(Dropped::TooManyRules) > 0 {
        return Err(ListError::IllegalLeftOut { lists: vec![list.name.to_string()] });
    }
    Ok(list)
}

/// Runs what reads, sorts and writes behind the threads that answer.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, ListError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ListError> + Send + 'static,
{
    in_background(work).await?
}
