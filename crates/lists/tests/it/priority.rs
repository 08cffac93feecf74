//! Who waits for whom: what is put in force, or taken back, does not wait behind the threads that answer.

use lists::{Cause, Update, prepare, roll_back};
use model::Timestamp;
use rustix::process::getpriority_process;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What is logged, each with the priority of the thread that logs it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, i32)>>>);

impl Log {
    /// The priorities at which a line that begins so was logged.
    fn priorities(&self, line: &str) -> Vec<i32> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(said, _)| said.starts_with(line)).map(|(_, priority)| *priority).collect()
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((line.0, getpriority_process(None).unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[tokio::test]
async fn lists_are_put_in_force_and_taken_back_at_the_priority_of_those_that_answer() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let mine = getpriority_process(None).unwrap();
    let home = tempfile::tempdir().unwrap();
    for at in [Timestamp(1), Timestamp(2)] {
        let cause = Cause::person("A. Technician", "a look");
        let how = Update { cause, ..Update::default() };
        let prepared = prepare(&[], home.path(), &how, at, &mut |_| {}).await.unwrap();
        prepared.swap().await.unwrap();
    }
    assert_eq!(log.priorities("lists updated"), [mine, mine]);
    let other = lists::build(&[]).unwrap();
    lists::write(home.path(), &other).unwrap();
    roll_back(home.path(), None, Cause::person("A. Technician", "too much"), Timestamp(3)).await.unwrap();
    assert_eq!(log.priorities("the lists were put back"), [mine]);
}
