//! From the policy's lists to an image in force, in two steps: an update is prepared beside the image in force and looked
//! at, then put in its place. The report says of each list where it came from, since when and why.

use crate::background::in_front;
use crate::build::{About, Builder, BuiltImage, built_in_illegal, has_any_of};
use crate::diff::{Diff, ListDiff, MOST_SAMPLES};
use crate::fetch::Fetch;
use crate::folder::{self, Lock, Standing, Turn};
use crate::heartbeat::self_test;
use crate::hold::{Hold, is_end};
use crate::list::{ReadList, SourceState};
use crate::report::{Alarm, Cause, Report};
use crate::schedule::Schedule;
use crate::source::{Look, Setting, Settled, blocking, look, meaning, settle};
use crate::{ListError, ReadSet, copies};
use model::{Category, Host, ListId, Timestamp};
use policy::image::Image;
use policy::rules::ListSource;
use std::path::{Path, PathBuf};

/// How far an update has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A list is being downloaded.
    Fetching {
        /// The list.
        list: ListId,
        /// What has come.
        bytes: u64,
        /// Of how much, where the other side says so.
        of: Option<u64>,
    },
    /// A list was read.
    Read {
        /// The list.
        list: ListId,
        /// Its entries.
        entries: usize,
        /// Where they come from.
        state: SourceState,
    },
    /// All lists were read, and the image is being built.
    Building,
}

/// Told how far an update has come.
type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// How an update is made.
#[derive(Clone, Debug)]
pub struct Update {
    /// The bounds of a download, and whom it trusts.
    pub fetch: Fetch,
    /// The folder of the files that `credentials` names.
    pub secrets: PathBuf,
    /// How often sources are looked at.
    pub schedule: Schedule,
    /// Which sources are looked at now.
    pub look: Look,
    /// The school's own hosts, which no list may block.
    pub own: Vec<Host>,
    /// The lists whose new reading a person accepts, however much it shrank or grew.
    pub accept: Vec<ListId>,
    /// Who asks for it, and why.
    pub cause: Cause,
}

impl Default for Update {
    /// The gate's own update of every list, with no credentials.
    fn default() -> Self {
        Self {
            fetch: Fetch::default(),
            secrets: PathBuf::new(),
            schedule: Schedule::default(),
            look: Look::All,
            own: Vec::new(),
            accept: Vec::new(),
            cause: Cause::schedule(),
        }
    }
}

/// An update that is ready, beside the image in force. While it lasts, nobody else updates the folder, but anybody may go
/// back to earlier lists; dropped, it leaves no trace but the memory of having looked.
#[derive(Debug)]
pub struct Prepared {
    built: BuiltImage,
    image: Image,
    diff: Diff,
    sets: Vec<(ListId, ReadSet)>,
    staged: Staged,
    hold: Option<Hold>,
    ends_hold: bool,
    beside: Standing,
    _turn: Lock,
}

impl Prepared {
    /// The account of it.
    pub fn report(&self) -> &Report {
        &self.built.report
    }

    /// What it changes.
    pub fn diff(&self) -> &Diff {
        &self.diff
    }

    /// The image, in memory.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Writes the image, puts it in force, and keeps the copies it was made of. A person's update of every list also ends a
    /// hold.
    ///
    /// # Errors
    /// [`ListError::Overtaken`] where other lists are in force than when it was prepared, [`ListError::Busy`], and what
    /// concerns the image itself; the image in force stays what it was then.
    pub async fn swap(self) -> Result<(Image, Report), ListError> {
        let lock = Lock::take(&self.staged.dir, Turn::InForce).await?;
        in_front(move || self.put_in_force(&lock)).await?
    }

    fn put_in_force(self, _: &Lock) -> Result<(Image, Report), ListError> {
        let Self { built, image, sets, mut staged, hold, ends_hold, beside, .. } = self;
        if Standing::of(&staged.dir) != beside {
            return Err(ListError::Overtaken);
        }
        // Once is enough in memory: the written one is mapped.
        drop(image);
        let dir = staged.dir.clone();
        let in_force = folder::write(&dir, &built)?;
        staged.take();
        for (list, set) in &sets {
            if let Err(error) = copies::keep_set(&dir, list, set) {
                tracing::warn!(
                    list = list.as_str(),
                    error = error.chain(),
                    "a list's entries could not be noted"
                );
            }
        }
        let report = built.report;
        keep_copies(&dir, &report, hold.as_ref());
        if ends_hold {
            folder::release(&dir);
        }
        tracing::info!(revision = &*report.revision, names = report.names, "lists updated");
        Ok((in_force, report))
    }
}

/// Keeps what an image was made of; without that only a person's update can follow once somebody went back to it.
fn keep_copies(dir: &Path, report: &Report, hold: Option<&Hold>) {
    let stays = |list: &ListId| hold.filter(|hold| hold.keeps(list)).and_then(Hold::revision);
    let made_of = report.lists.iter().map(|list| (&list.id, stays(&list.id)));
    if let Err(error) = copies::keep_for(dir, &report.revision, made_of) {
        tracing::warn!(error = error.chain(), "what the lists in force were made of could not be kept");
    }
}

/// New copies that wait for their image to be in force.
#[derive(Debug)]
struct Staged {
    dir: PathBuf,
    lists: Vec<ListId>,
}

impl Staged {
    fn take(&mut self) {
        for list in self.lists.drain(..) {
            if let Err(error) = copies::take(&self.dir, &list) {
                tracing::warn!(list = list.as_str(), error = error.chain(), "no copy kept of a list");
            }
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for list in &self.lists {
            copies::leave(&self.dir, list);
        }
    }
}

/// Reads every list and builds their image with the built-in list of illegal content, beside the image in force.
///
/// # Errors
/// [`ListError::Busy`], [`ListError::OnHold`], [`ListError::WouldBeLost`], [`ListError::IllegalLeftOut`], and what concerns
/// the image itself. Another source's own failure is in the report.
pub async fn prepare(
    lists: &[ListSource],
    dir: &Path,
    how: &Update,
    at: Timestamp,
    on_progress: OnProgress<'_>,
) -> Result<Prepared, ListError> {
    let turn = Lock::take(dir, Turn::Update).await?;
    copies::sweep(dir);
    let setting = setting(dir, how, at);
    let beside = Standing::of(dir);
    let in_force = folder::open_current(dir);
    let hold = Hold::on(how, dir, in_force.as_ref(), lists);
    let lists = hold.as_ref().map_or_else(|| Ok(lists.to_vec()), |hold| hold.lists(lists))?;
    let before = folder::last_report(dir);
    let mut making = Making {
        builder: Builder::new(&how.own),
        diff: Diff::default(),
        sets: Vec::new(),
        staged: Staged { dir: dir.to_owned(), lists: Vec::new() },
    };
    for source in &lists {
        let mut on_bytes = |bytes, of| on_progress(Progress::Fetching { list: source.id.clone(), bytes, of });
        let seen = match hold.clone().filter(|hold| hold.keeps(&source.id)) {
            Some(hold) => {
                let source = source.clone();
                blocking(move || Ok(hold.seen(&source))).await?
            }
            None => look(source, &setting, &mut on_bytes).await,
        };
        let (source, setting, before) = (source.clone(), setting.clone(), before.clone());
        let (made, progress) = blocking(move || {
            let settled = settle(&source, &setting, before.as_ref(), seen);
            let state = settled.list.state.clone();
            let progress = Progress::Read { list: source.id.clone(), entries: settled.list.len(), state };
            making.add(settled, source.category == Some(Category::ILLEGAL), meaning(&source))?;
            Ok((making, progress))
        })
        .await?;
        making = made;
        on_progress(progress);
    }
    on_progress(Progress::Building);
    let (cause, ends_hold) = (how.cause.clone(), is_end(how));
    blocking(move || {
        let made = making.finish(&lists, (in_force.as_ref(), before.as_ref()), cause, at)?;
        let Made { built, image, diff, sets, staged } = made;
        Ok(Prepared { built, image, diff, sets, staged, hold, ends_hold, beside, _turn: turn })
    })
    .await
}

fn setting(dir: &Path, how: &Update, at: Timestamp) -> Setting {
    Setting {
        dir: dir.to_owned(),
        secrets: how.secrets.clone(),
        fetch: how.fetch.clone(),
        schedule: how.schedule,
        look: how.look.clone(),
        accept: how.accept.clone(),
        at,
    }
}

/// An update in the making.
struct Making {
    builder: Builder,
    diff: Diff,
    sets: Vec<(ListId, ReadSet)>,
    staged: Staged,
}

/// What is built of it.
struct Made {
    built: BuiltImage,
    image: Image,
    diff: Diff,
    sets: Vec<(ListId, ReadSet)>,
    staged: Staged,
}

impl Making {
    fn add(&mut self, settled: Settled, is_illegal: bool, meaning: u64) -> Result<(), ListError> {
        let Settled { list, set, before, alarms, is_staged } = settled;
        if is_staged {
            self.staged.lists.push(list.id.clone());
        }
        let is_missing = matches!(list.state, SourceState::Missing { .. });
        let is_same = before.as_ref() == Some(&set);
        self.diff.lists.push(list_diff(&list, before.as_ref(), &set, is_illegal));
        self.builder.add(&list, About { is_illegal, alarms, meaning })?;
        if !is_same && !is_missing {
            self.sets.push((list.id, set));
        }
        Ok(())
    }

    fn finish(
        mut self,
        lists: &[ListSource],
        (in_force, before): (Option<&Image>, Option<&Report>),
        cause: Cause,
        at: Timestamp,
    ) -> Result<Made, ListError> {
        let built_in = built_in_illegal(at);
        self.builder.add(&built_in, About { is_illegal: true, alarms: Vec::new(), meaning: 0 })?;
        let (mut built, image) = self.builder.finish(cause, at)?;
        refuse_losses(in_force, before, &built)?;
        for test in self_test(&image, lists).iter().filter(|test| !test.passed) {
            let of = built.report.lists.iter_mut().find(|list| list.id == test.list);
            if let Some(list) = of {
                list.alarms.push(Alarm::TestFailed);
            }
        }
        let gone = in_force.into_iter().flat_map(|image| image.lists());
        let gone = gone.filter(|list| {
            in_force.is_some_and(|image| has_any_of(image, before, &list.id))
                && built.report.list(&list.id).is_none()
        });
        self.diff.gone = gone.map(|list| list.name.clone()).collect();
        Ok(Made { built, image, diff: self.diff, sets: self.sets, staged: self.staged })
    }
}

fn list_diff(list: &ReadList, before: Option<&ReadSet>, set: &ReadSet, is_illegal: bool) -> ListDiff {
    let nothing = ReadSet::default();
    let old = before.unwrap_or(&nothing);
    let added = old.added(set);
    let samples = if is_illegal { Vec::new() } else { added.names_in(list, MOST_SAMPLES) };
    ListDiff {
        id: list.id.clone(),
        name: list.name.clone(),
        before: before.map(ReadSet::len),
        after: set.len(),
        added: added.len(),
        removed: set.added(old).len(),
        samples,
    }
}

/// A list that decides today and cannot be read at all must not stop deciding.
fn refuse_losses(
    in_force: Option<&Image>,
    before: Option<&Report>,
    built: &BuiltImage,
) -> Result<(), ListError> {
    let Some(in_force) = in_force else { return Ok(()) };
    let missing = built.report.lists.iter().filter(|list| matches!(list.state, SourceState::Missing { .. }));
    let lost = missing.filter(|list| has_any_of(in_force, before, &list.id));
    let lists: Vec<String> = lost.map(|list| list.name.to_string()).collect();
    if lists.is_empty() { Ok(()) } else { Err(ListError::WouldBeLost { lists }) }
}
