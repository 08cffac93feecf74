//! What the gate does by the clock: take up changes made at the command line, look at the lists again, let old history and packs go,
//! call the next post about an alert, draft the weekly report,
//! seal and verify the audit log, destroy visitors' accounts that are done with, and see to requests and reviews.

pub(crate) mod locks;
mod logs;
mod messages;
mod outside;
mod silence;

pub(crate) use outside::{Ground, Outside};

use crate::gate_lists::{Lists, Unmade};
use app::{App, Health};
use lists::ListError;
use model::Alert;
use policy::CurrentSnapshot;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How soon a change at the command line is in force.
const TAKE_UP: Duration = Duration::from_secs(1);
/// How often the lists' timetable is looked at: a file for each list, and nothing outside.
const TIMETABLE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How often it is seen whether a checkpoint of the audit log is due.
const SEAL: Duration = Duration::from_secs(60);
/// How often that is in a day.
const SEALS_OF_DAY: u32 = 24 * 60;
/// How often it is seen whether an alert was acknowledged in time.
const ESCALATE: Duration = Duration::from_secs(30);
/// How often it is seen whether a visitor's account is done with.
const VISITORS: Duration = Duration::from_secs(60);
/// How often it is seen whether a test alert or a weekly report is due.
const WEEKLY: Duration = Duration::from_secs(3_600);

/// What the clockwork keeps fresh.
pub(crate) struct Kept {
    pub(crate) lists: Lists,
    pub(crate) snapshot: Arc<CurrentSnapshot>,
    pub(crate) store: Store,
    pub(crate) health: Arc<Health>,
}

/// Starts the clockwork.
pub(crate) fn start(tasks: &TaskTracker, stop: &CancellationToken, app: App, kept: Kept) {
    let take_up = app.clone();
    tasks.spawn(every(TAKE_UP, stop.clone(), move || {
        let app = take_up.clone();
        async move {
            if let Err(error) = app.take_up_changes().await {
                tracing::error!(%error, "changes in the records could not be taken up");
            }
            take_up_lists(app).await;
        }
    }));
    let expire = app.clone();
    tasks.spawn(every(DAY, stop.clone(), move || {
        let app = expire.clone();
        async move {
            if let Err(error) = app.expire_history().await {
                tracing::error!(%error, "old history could not be taken away");
            }
            if let Err(error) = app.expire_packs().await {
                tracing::error!(%error, "old packs could not be taken away");
            }
            if let Err(error) = app.forget_old_imports().await {
                tracing::error!(%error, "files of old imports could not be forgotten");
            }
        }
    }));
    let records = app.clone();
    tasks.spawn(every(HOUR, stop.clone(), move || {
        let app = records.clone();
        async move {
            if let Err(error) = app.remove_ended_records().await {
                tracing::error!(%error, "sealed records whose time is over could not be taken away");
            }
        }
    }));
    let compact = app.clone();
    tasks.spawn(every(HOUR, stop.clone(), move || {
        let app = compact.clone();
        async move {
            if let Err(error) = app.compact_history().await {
                tracing::error!(%error, "the history could not be rewritten into columns; it stays as it is");
            }
        }
    }));
    mind_alerts(tasks, stop, &app);
    mind_access(tasks, stop, &app);
    mind_audit_log(tasks, stop, &app);
    let stop = stop.clone();
    tasks.spawn(async move { keep_fresh(&stop, &app, &kept).await });
}

/// Signs where the audit log has got to, and compares it at the start and every day with what was signed.
fn mind_audit_log(tasks: &TaskTracker, stop: &CancellationToken, app: &App) {
    let (app, mut turn) = (app.clone(), 0_u32);
    tasks.spawn(every(SEAL, stop.clone(), move || {
        let (app, is_first_of_day) = (app.clone(), turn.is_multiple_of(SEALS_OF_DAY));
        turn = turn.wrapping_add(1);
        async move {
            if let Err(error) = app.seal_audit_log().await {
                tracing::error!(%error, "a checkpoint of the audit log could not be signed");
            }
            if is_first_of_day && let Err(error) = app.look_at_audit_log().await {
                tracing::error!(%error, "the audit log could not be verified");
            }
        }
    }));
}

/// Calls the next post in time, and sees to the test alert and the report of each week.
fn mind_alerts(tasks: &TaskTracker, stop: &CancellationToken, app: &App) {
    let escalate = app.clone();
    tasks.spawn(every(ESCALATE, stop.clone(), move || {
        let app = escalate.clone();
        async move {
            if let Err(error) = app.escalate_alerts().await {
                tracing::error!(%error, "alerts that nobody acknowledged could not be called further");
            }
        }
    }));
    let weekly = app.clone();
    tasks.spawn(every(WEEKLY, stop.clone(), move || {
        let app = weekly.clone();
        async move {
            if let Err(error) = app.test_alert_if_due().await {
                tracing::error!(%error, "the weekly test alert could not be taken up");
            }
            if let Err(error) = app.draft_weekly_reports().await {
                tracing::error!(%error, "the weekly monitoring report could not be drafted");
            }
        }
    }));
}

/// Destroys visitors' accounts that are done with; opens, warns of and ends reviews; lets requests lapse.
fn mind_access(tasks: &TaskTracker, stop: &CancellationToken, app: &App) {
    let visitors = app.clone();
    tasks.spawn(every(VISITORS, stop.clone(), move || {
        let app = visitors.clone();
        async move {
            if let Err(error) = app.destroy_visitors().await {
                tracing::error!(%error, "visitors\u{2019} accounts that are done with could not be destroyed");
            }
        }
    }));
    let access = app.clone();
    tasks.spawn(every(HOUR, stop.clone(), move || {
        let app = access.clone();
        async move {
            if let Err(error) = app.mind_requests().await {
                tracing::error!(%error, "requests for rights could not be seen to");
            }
            if let Err(error) = app.open_reviews_if_due().await {
                tracing::error!(%error, "a review of access could not be opened");
            }
            if let Err(error) = app.mind_reviews().await {
                tracing::error!(%error, "reviews of access could not be seen to");
            }
        }
    }));
}

async fn take_up_lists(app: App) {
    if tokio::task::spawn_blocking(move || app.take_up_lists()).await.is_err() {
        tracing::error!("lists that were put in force could not be taken up");
    }
}

/// Looks at the lists' sources when each is due, and at once when a policy with other lists comes into force. What has begun
/// is left when the gate stops: a download may take minutes, and an image goes in force whole or not at all.
async fn keep_fresh(stop: &CancellationToken, app: &App, kept: &Kept) {
    let mut clock = interval(TIMETABLE);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left_over = None;
    loop {
        let why = tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => left_over,
            () = app.lists_changed() => Some("the policy names other lists"),
        };
        match stop.run_until_cancelled(refresh(app, kept, why)).await {
            // What another update was in the way of is tried again in a minute, whether or not a list is due.
            Some(Turn::NotOurs) => left_over = why,
            Some(Turn::Taken) => left_over = None,
            None => return,
        }
    }
}

/// Whether an update had its turn.
enum Turn {
    /// It was made, or failed, or there was none to make.
    Taken,
    /// Somebody else was updating the lists, or put others in force meanwhile.
    NotOurs,
}

/// `other_lists`: why the lists are read although none is due.
async fn refresh(app: &App, kept: &Kept, other_lists: Option<&str>) -> Turn {
    let sources = app.in_force().document.policy.lists.clone();
    if let Some(why) = other_lists {
        tracing::info!(why, "the lists are read now");
    } else if !kept.lists.is_due(&sources) {
        see_lists(app).await;
        return Turn::Taken;
    }
    let deciding = kept.snapshot.get();
    let why = other_lists.unwrap_or("by schedule");
    match kept.lists.update(&kept.store, (&sources, Some(deciding)), why).await {
        Ok(_) => {
            kept.health.lists_failed(None);
            // What the folder names by now: somebody may have gone back since.
            take_up_lists(app.clone()).await;
            see_lists(app).await;
        }
        // Whoever updates them now, or put them back, decides; the next look at the timetable comes in a minute.
        Err(Unmade::Lists(error @ (ListError::Busy | ListError::Overtaken))) => {
            tracing::warn!(%error, "the lists were not updated; it is tried again in a minute");
            see_lists(app).await;
            return Turn::NotOurs;
        }
        Err(Unmade::Lists(ListError::OnHold { .. })) => see_lists(app).await,
        Err(Unmade::Lists(error)) => {
            tracing::error!(%error, "the lists could not be updated; those in force stay");
            kept.health.lists_failed(Some(for_screens(&error)));
        }
        Err(Unmade::Records(error)) => {
            tracing::error!(%error, "an update of the lists could not be recorded; it may be in force");
            kept.health.lists_failed(Some(NOT_RECORDED.to_owned()));
        }
    }
    Turn::Taken
}

const NOT_RECORDED: &str =
    "An update could not be recorded; it is at the next start. The technician's log says why.";

async fn see_lists(app: &App) {
    let app = app.clone();
    if tokio::task::spawn_blocking(move || app.see_lists()).await.is_err() {
        tracing::error!("the state of the lists could not be looked at");
    }
}

/// What a screen says of an update that failed; the error's own words name files of the machine.
fn for_screens(error: &ListError) -> String {
    match error {
        ListError::WouldBeLost { lists } => format!(
            "Neither the source nor a copy could be read of: {}. The lists from before still count.",
            lists.join(", ")
        ),
        _ => "They could not be put together; those from before still count, and the technician's log says why.".into(),
    }
}

/// Takes up alerts; those that could not be are held, and taken up with the next.
async fn take_up(app: &App, held: &mut Vec<Alert>) {
    if held.is_empty() {
        return;
    }
    match app.take_up_alerts(held.clone()).await {
        Ok(_) => held.clear(),
        Err(error) => {
            tracing::error!(%error, alerts = held.len(), "alerts could not be taken up; they are held")
        }
    }
}

/// Does something again and again until it is told to stop; what has begun is finished.
async fn every<F: Future<Output = ()>>(
    period: Duration,
    stop: CancellationToken,
    mut task: impl FnMut() -> F,
) {
    let mut clock = interval(period);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => task().await,
        }
    }
}
