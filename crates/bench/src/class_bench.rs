//! `bench class`, and the last row of `bench sign-in`: a class of thirty that signs in on one shared device, with the whole
//! program, a real Chromium, and its camera fed from a film of the printed badges.
//!
//! The demo has six infants, so each comes five times. The film holds every badge up for a second, with a fifth of a second
//! between them, again and again; a badge that is not read in its second waits for the film to come round, and that counts.
//! A child has signed in when the page greets them by name.
//!
//! Left out: how long a real child takes to hold a badge still.
//!
//! Invariant: where no browser starts there is no figure, and the row says so and is missed.

use crate::error::BenchError;
use crate::gate::{Gate, configure, demo_password};
use crate::machine::{Disturbance, Reading};
use crate::row::{Row, Target};
use crate::{Depth, say};
use std::path::Path;
use std::time::Instant;
use testkit::TestError;
use testkit::badges::{film, open_class, print_badges, says};
use testkit::browser::{Browser, BrowserOptions};

/// Tenths of a second for which a badge is held up.
const HELD_UP: usize = 10;
/// What the issue asks for, in seconds a child.
const AT_MOST: f64 = 6.0;
const TEACHER: &str = "class-teacher";

pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let children = match depth {
        Depth::Full => 30,
        Depth::Quick => 6,
    };
    let home = tempfile::tempdir().map_err(BenchError::file("a folder for a gate"))?;
    let folder = home.path().join("gate");
    configure(&folder, "")?;
    let gate = Gate::start("demo", &folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::file("a runtime"))?;
    let options = || BrowserOptions { proxy: String::new(), trusted_ca: Some(gate.authority.clone()) };
    let launched = runtime.block_on(Browser::launch(&options()));
    let teacher = match launched {
        Ok(teacher) => teacher,
        Err(error) => return Ok(vec![no_browser(children, &error)]),
    };
    let password = demo_password(&folder)?.replace('+', " ");
    let class = Class { console: &gate.console, password: &password, folder: &folder, children };
    let begun = Reading::now(&[std::process::id(), gate.process()]);
    let seconds = runtime.block_on(class.signs_in(teacher, &options())).map_err(|found| {
        BenchError::Answer { expected: "a class that signs in with its badges", found: found.to_string() }
    })?;
    let disturbance: Disturbance = Reading::now(&[std::process::id(), gate.process()]).since(begun);
    say::remark(&format!("a class at one camera: {}", disturbance.words()));
    let what =
        format!("a class of {children} on one shared device, its camera fed from a film, for each child");
    Ok(vec![Row::new(what, "s", seconds, Target::AtMost(AT_MOST))])
}

/// No figure, in words, and missed.
fn no_browser(children: usize, error: &TestError) -> Row {
    let what = format!("a class of {children} on one shared device: not measured, no browser here ({error})");
    Row::new(what, "s", 0.0, Target::AtMost(AT_MOST)).missed()
}

/// A class and where it signs in.
struct Class<'a> {
    console: &'a str,
    password: &'a str,
    folder: &'a Path,
    children: usize,
}

impl Class<'_> {
    /// Seconds for each child, from when the page is asked for to the last greeting.
    async fn signs_in(&self, mut teacher: Browser, options: &BrowserOptions) -> Result<f64, TestError> {
        teacher.visit(&format!("{}/sign-in", self.console)).await?;
        teacher.fill("login", TEACHER).await?;
        teacher.fill("password", self.password).await?;
        teacher.press("Sign in").await?;
        let class = open_class(&mut teacher, self.console).await?;
        let printed = print_badges(&mut teacher).await?;
        teacher.visit(&class).await?;
        teacher.press("Open sign-in").await?;
        let file = self.folder.join("badges.y4m");
        film(&file, &printed, HELD_UP)?;
        let mut shared = Browser::launch_with_camera(options, &file).await?;
        let begun = Instant::now();
        shared.visit(&format!("{}/web/badge", self.console)).await?;
        for badge in printed.iter().cycle().take(self.children) {
            if !says(&mut shared, &format!("Hello {}", badge.first_name)).await? {
                return Err(TestError::new("a child who was not greeted within 25 seconds"));
            }
        }
        Ok(begun.elapsed().as_secs_f64() / self.children as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_browser_the_row_says_so_and_is_missed() {
        let row = no_browser(30, &TestError::new("chromium does not start"));
        assert_eq!(row.holds(), Some(false));
        assert!(
            crate::row::as_table(&[row]).contains("not measured, no browser here (chromium does not start)")
        );
    }
}
