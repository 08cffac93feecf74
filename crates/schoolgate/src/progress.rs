//! How far an update of the lists has come, on standard error: bars on a terminal, a line for each list elsewhere, nothing
//! where a program reads the answer.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lists::{Progress, SourceState};
use model::ListId;
use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

const WITH_LENGTH: &str = "{prefix:24!} {bar:30} {bytes} of {total_bytes}, {eta} left";
const WITHOUT_LENGTH: &str = "{prefix:24!} {spinner} {bytes} {msg}";
const DONE: &str = "{prefix:24!} {msg}";
const STEP: Duration = Duration::from_millis(120);

/// Where progress is told.
pub(crate) enum Told {
    /// Bars on a terminal.
    Bars(Bars),
    /// A line for each list.
    Lines,
    /// Nowhere.
    Nowhere,
}

/// The bars of one update.
pub(crate) struct Bars {
    all: MultiProgress,
    lists: HashMap<ListId, ProgressBar>,
    building: Option<ProgressBar>,
}

impl Told {
    /// As fits whoever reads standard error; nothing where the answer is JSON and nobody watches.
    pub(crate) fn new(json: bool) -> Self {
        match (std::io::stderr().is_terminal(), json) {
            (true, _) => Self::Bars(Bars {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
                lists: HashMap::new(),
                building: None,
            }),
            (false, false) => Self::Lines,
            (false, true) => Self::Nowhere,
        }
    }

    /// Takes one step.
    pub(crate) fn step(&mut self, progress: &Progress) {
        match self {
            Self::Bars(bars) => bars.step(progress),
            Self::Lines => line(progress),
            Self::Nowhere => {}
        }
    }

    /// Ends what was drawn.
    pub(crate) fn end(&mut self) {
        if let Self::Bars(bars) = self
            && let Some(building) = bars.building.take()
        {
            building.finish_with_message("built");
        }
    }
}

impl Bars {
    fn step(&mut self, progress: &Progress) {
        match progress {
            Progress::Fetching { list, bytes, of } => {
                let bar = self.bar(list);
                if let Some(of) = of {
                    bar.set_length(*of);
                    bar.set_style(style(WITH_LENGTH));
                }
                bar.set_position(*bytes);
            }
            Progress::Read { list, entries, state } => {
                let bar = self.bar(list);
                bar.set_style(style(DONE));
                bar.finish_with_message(outcome(*entries, state));
            }
            Progress::Building => {
                let bar = self.all.add(ProgressBar::new_spinner());
                bar.set_style(style(WITHOUT_LENGTH));
                bar.set_prefix("image");
                bar.set_message("is being built");
                bar.enable_steady_tick(STEP);
                self.building = Some(bar);
            }
        }
    }

    fn bar(&mut self, list: &ListId) -> &ProgressBar {
        let all = &self.all;
        self.lists.entry(list.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            bar.set_style(style(WITHOUT_LENGTH));
            bar.set_prefix(list.to_string());
            bar.enable_steady_tick(STEP);
            bar
        })
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template of ours that does not read is drawn plainly.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn line(progress: &Progress) {
    let words = match progress {
        Progress::Fetching { .. } => return,
        Progress::Read { list, entries, state } => format!("{list}: {}", outcome(*entries, state)),
        Progress::Building => "The image is being built.".to_owned(),
    };
    // Nothing can be done where even standard error is gone.
    drop(writeln!(std::io::stderr(), "{words}"));
}

fn outcome(entries: usize, state: &SourceState) -> String {
    match state {
        SourceState::Fresh => format!("{entries} entries"),
        SourceState::Copy { since, .. } => format!("{entries} entries, from the copy of {}", since.day()),
        SourceState::Missing { .. } => "could not be read, and there is no copy".to_owned(),
    }
}
