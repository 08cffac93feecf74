//! One review: its lines with an answer each, fifty a page, and the file of it.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::{Asked, Sent};
use crate::pages::access::Review;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{ReviewLineView, ReviewView};
use app::{HeldDeed, LineAnswer};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{ReviewAnswer, ReviewId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The page that is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AtPage {
    page: String,
}

/// One review.
#[derive(Debug, Serialize)]
pub(crate) struct ReviewPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub row: Review,
    /// `3 kept, 1 changed, 0 removed, 0 lapsed`.
    pub counts: String,
    /// Why it is held; empty where it is not.
    pub held_why: String,
    /// True where this person may decide of a held one.
    pub may_decide: bool,
    /// When it was over; empty where it is not.
    pub closed: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// True where this person is to answer any of them.
    pub may_answer: bool,
    /// The reason that was typed.
    pub reason: Field,
    /// `Page 2 of 7`; empty where there is one.
    pub place: String,
    /// The page before; empty on the first.
    pub previous: String,
    /// The next page; empty on the last.
    pub next: String,
}

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// Its number.
    pub number: i64,
    /// Whose.
    pub name: String,
    /// What they are, and in which class.
    pub what: String,
    /// Who approved the right; may be empty.
    pub approved: String,
    /// What was answered; empty where nothing was.
    pub answer: String,
    /// The words of the answer; may be empty.
    pub words: String,
    /// When, and by whom; empty where nobody did.
    pub answered: String,
    /// True where this person is to answer it.
    pub may_answer: bool,
    /// True where this person may say that the change is done.
    pub may_finish: bool,
}

impl ReviewPage {
    /// The page of a view.
    pub(crate) fn of(view: ReviewView) -> Self {
        let row = Review::of(view.row);
        let at = |page: usize| format!("{}?page={page}", row.link);
        let lines: Vec<Line> = view.lines.into_iter().map(Line::of).collect();
        let [kept, changed, removed, lapsed] = view.counts;
        Self {
            summary: Vec::new(),
            counts: format!("{kept} kept, {changed} to be changed, {removed} removed, {lapsed} lapsed"),
            held_why: view.held_why,
            may_decide: view.may_decide,
            closed: view.closed.map(words::day_and_time).unwrap_or_default(),
            may_answer: lines.iter().any(|line| line.may_answer),
            lines,
            reason: Field::default(),
            place: match view.pages {
                ..=1 => String::new(),
                pages => format!("Page {} of {pages}", view.page),
            },
            previous: if view.page > 1 { at(view.page - 1) } else { String::new() },
            next: if view.page < view.pages { at(view.page + 1) } else { String::new() },
            row,
        }
    }

    /// The page again, with what was wrong.
    pub(crate) fn again(self, reason: String, sentence: String) -> Self {
        let problems = [("main-content".to_owned(), sentence)];
        Self { reason: Field::of("reason", reason, &[]), summary: summary(&problems), ..self }
    }
}

impl Line {
    fn of(line: ReviewLineView) -> Self {
        let class = if line.class.is_empty() { String::new() } else { format!(", {}", line.class) };
        Self {
            number: line.number,
            name: line.name,
            what: format!("{}{class}", line.what),
            approved: line.approved,
            answer: line.answer,
            words: line.words,
            answered: line
                .answered
                .map(|(at, by)| format!("{}, {by}", words::day_and_time(at)))
                .unwrap_or_default(),
            may_answer: line.may_answer,
            may_finish: line.may_finish,
        }
    }
}

/// `GET /access/reviews/{review}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Asked(AtPage { page }): Asked<AtPage>,
) -> Result<Response, Problem> {
    desk.page("review.html", &visit, &page_of(&desk, &visit, (&id, &page)).await?).await
}

/// `GET /access/reviews/{review}/file`
pub(crate) async fn file(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = ReviewId::parse(&id).ok_or(Problem::NotFound)?;
    let file = desk.app.export_review(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Csv, "review"), desk.clock.now(), file))
}

/// `POST /access/reviews/{review}`
pub(crate) async fn answer(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<HashMap<String, String>>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, (&id, "")).await?;
            let reason = form.get("reason").cloned().unwrap_or_default();
            desk.form_again("review.html", &visit, &page.again(reason, sentence)).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(
    desk: &Shared,
    visit: &Visit,
    typed: &str,
    form: &HashMap<String, String>,
) -> Result<Response, Undone> {
    let id = ReviewId::parse(typed).ok_or(Problem::NotFound)?;
    let fresh = desk.fresh(visit).await?;
    let actor = visit.actor()?;
    let reason = form.get("reason").cloned().unwrap_or_default();
    let done = match form.get("deed").map(String::as_str) {
        Some("lapse") => desk.app.decide_held((actor, &fresh), id, HeldDeed::Lapse(reason)).await?,
        Some("extend") => desk.app.decide_held((actor, &fresh), id, HeldDeed::Extend(reason)).await?,
        Some("finish") => {
            let line = form.get("line").and_then(|line| line.parse().ok());
            desk.app.finish_line(actor, id, line.ok_or(Problem::Unreadable)?).await?
        }
        deed => {
            let answers = answers(form, deed == Some("keep-rest"));
            if answers.is_empty() {
                return Err(Undone::Refused("Choose an answer for at least one of them.".to_owned()));
            }
            desk.app.answer_review((actor, &fresh), id, answers).await?
        }
    };
    if !done {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/access/reviews/{id}")).into_response())
}

/// The answers of a form, in order; where the rest is to be kept, those without one are kept.
fn answers(form: &HashMap<String, String>, keeps_rest: bool) -> Vec<LineAnswer> {
    let read = |(name, value): (&String, &String)| {
        let line: i64 = name.strip_prefix("answer-")?.parse().ok()?;
        let answer = match ReviewAnswer::parse(value) {
            None | Some(ReviewAnswer::Lapsed) => keeps_rest.then_some(ReviewAnswer::Keep),
            chosen => chosen,
        };
        let words = form.get(&format!("words-{line}")).cloned().unwrap_or_default();
        Some(LineAnswer { line, answer: answer?, words })
    };
    let mut answers: Vec<LineAnswer> = form.iter().filter_map(read).collect();
    answers.sort_by_key(|answer| answer.line);
    answers
}

async fn page_of(desk: &Shared, visit: &Visit, (id, page): (&str, &str)) -> Result<ReviewPage, Problem> {
    let id = ReviewId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.review_view(visit.actor()?, id, page).await?.ok_or(Problem::NotFound)?;
    Ok(ReviewPage::of(view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_line_by_line_and_the_rest_is_kept_only_when_asked() {
        let form: HashMap<String, String> = [
            ("answer-2", "remove"),
            ("answer-1", ""),
            ("answer-3", "lapsed"),
            ("answer-x", "keep"),
            ("words-2", "left at Easter"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let given = answers(&form, false);
        assert_eq!(given.len(), 1, "nobody lapses anything by a form");
        assert_eq!(
            (given[0].line, given[0].answer, given[0].words.as_str()),
            (2, ReviewAnswer::Remove, "left at Easter")
        );
        let lines: Vec<(i64, ReviewAnswer)> =
            answers(&form, true).iter().map(|answer| (answer.line, answer.answer)).collect();
        assert_eq!(lines, [(1, ReviewAnswer::Keep), (2, ReviewAnswer::Remove), (3, ReviewAnswer::Keep)]);
    }
}
