//! Exports: what others asked for of the history. A request is put down a question a page, looked at by another person, and
//! its pack is taken away; who did what stands on its page.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{CustodyView, ExportQuestion, ExportRow, ExportView, ExportsView};
use app::{ExportDeed, PackFile};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use model::{ExportId, ExportKind, ExportState, LawfulBasis, Timestamp};
use serde::{Deserialize, Serialize};
use std::io::Read as _;

/// What of a pack is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The list.
#[derive(Debug, Serialize)]
pub(crate) struct ExportsPage {
    /// The rows, those that wait first.
    pub rows: Vec<Row>,
    /// The fingerprint of the key that signs packs.
    pub fingerprint: String,
    /// What the last look at the audit log found.
    pub audit: String,
    /// What is wrong with it, a sentence each.
    pub audit_faults: Vec<String>,
}

/// One request of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its own page.
    pub link: String,
    /// Our reference.
    pub reference: String,
    /// Who asks.
    pub requester: String,
    /// The state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// When it was put down, and by whom.
    pub asked: String,
}

/// One request.
#[derive(Debug, Serialize)]
pub(crate) struct ExportPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// Its own page.
    pub link: String,
    /// As in the list.
    pub row: Row,
    /// What it is about, name and words.
    pub terms: Vec<(String, String)>,
    /// The pack in words; empty while there is none.
    pub pack: String,
    /// The SHA-256 of its manifest.
    pub manifest: String,
    /// Each step of its custody.
    pub custody: Vec<Step>,
    /// True where this person may decide.
    pub may_decide: bool,
    /// True where another person must.
    pub waits_for_another: bool,
    /// True where it was approved and there is no pack.
    pub may_make: bool,
    /// Where its pack lies, where that is not here; empty otherwise.
    pub elsewhere: String,
    /// The reason, as typed.
    pub reason: Field,
    /// The fingerprint of the key that signs packs.
    pub fingerprint: String,
}

/// A step of a pack's custody.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What.
    pub title: &'static str,
    /// In words; may be empty.
    pub words: String,
}

/// One question of the request, with everything that was answered before.
#[derive(Debug, Serialize)]
pub(crate) struct AskPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The question: `kind`, `requester`, ... or `check`.
    pub step: &'static str,
    /// The heading.
    pub title: &'static str,
    /// Answers that go along unseen: name and value.
    pub hidden: Vec<(&'static str, String)>,
    /// The fields of this question.
    pub fields: Vec<AskField>,
    /// On the last page: the question's name, its words, and what was answered.
    pub answers: Vec<(&'static str, &'static str, String)>,
}

/// A field of a question.
#[derive(Debug, Serialize)]
pub(crate) struct AskField {
    /// Its name.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What helps to answer it; may be empty.
    pub hint: &'static str,
    /// What was typed.
    pub field: Field,
    /// The choices, where it is a choice.
    pub choices: Vec<Choice>,
    /// True where a text of several lines is typed.
    pub is_long: bool,
}

/// The request as sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AskForm {
    step: String,
    change: String,
    kind: String,
    requester: String,
    their_reference: String,
    person: String,
    from: String,
    until: String,
    basis: String,
    purpose: String,
    hold: String,
}

/// What is done with a request, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeedForm {
    deed: String,
    reason: String,
}

/// A question: its name, its heading, and its fields with label and hint.
type Question = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

/// The questions, in order.
const QUESTIONS: [Question; 7] = [
    ("kind", "Who is asking?", &[("kind", "Who is asking?", "")]),
    (
        "requester",
        "Who exactly, and how do they call it?",
        &[
            ("requester", "Person or organisation", "Such as PC 4711, Northshire Police"),
            ("their_reference", "Their reference, if they gave one", "A crime number, a case number"),
        ],
    ),
    (
        "person",
        "Whose requests do they ask for?",
        &[("person", "User name", "Leave it empty for everybody. Ask for one person where you can")],
    ),
    (
        "period",
        "Which days?",
        &[("from", "First day", "Such as 2026-11-16"), ("until", "Last day", "Such as 2026-11-20")],
    ),
    (
        "basis",
        "What is the lawful basis?",
        &[("basis", "Lawful basis", "Ask your data-protection officer if you are not sure")],
    ),
    (
        "purpose",
        "What is it for?",
        &[("purpose", "What is it for?", "In a sentence or two. Whoever approves it reads this")],
    ),
    (
        "hold",
        "Keep these requests from expiring?",
        &[(
            "hold",
            "Keep them",
            "They stay, whatever the policy\u{2019}s keeping time, until somebody releases them",
        )],
    ),
];

impl ExportsPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: ExportsView, now: Timestamp) -> Self {
        let (audit, audit_faults) = match view.audit {
            None => ("Not verified yet since the program started".to_owned(), Vec::new()),
            Some((at, facts, faults)) if faults.is_empty() => {
                let facts = words::number(facts);
                (format!("Each of {facts} facts stood as it was written, {}", words::age(now, at)), faults)
            }
            Some((at, _, faults)) => (format!("Not as it was written, seen {}", words::age(now, at)), faults),
        };
        Self {
            rows: view.rows.into_iter().map(Row::of).collect(),
            fingerprint: view.fingerprint,
            audit,
            audit_faults,
        }
    }
}

impl Row {
    fn of(row: ExportRow) -> Self {
        let badge_class = match row.state {
            ExportState::Asked => "govuk-tag--orange",
            ExportState::Approved => "govuk-tag--blue",
            ExportState::Refused => "govuk-tag--grey",
            ExportState::Made => "govuk-tag--green",
        };
        Self {
            link: format!("/exports/{}", row.id),
            reference: row.reference,
            requester: format!("{}: {}", row.kind.title(), row.requester),
            state: row.state.title(),
            badge_class,
            asked: format!("{}, {}", words::day_and_time(row.asked_at), row.asked_by),
        }
    }
}

impl ExportPage {
    /// The page of a view.
    pub(crate) fn of(view: ExportView) -> Self {
        let (pack, manifest) = match view.made {
            Some((bytes, requests, manifest)) => {
                let (requests, bytes) = (words::number(requests), words::number(bytes));
                (format!("{requests} requests, {bytes} bytes"), manifest)
            }
            None => (String::new(), String::new()),
        };
        Self {
            summary: Vec::new(),
            link: format!("/exports/{}", view.row.id),
            may_make: view.row.state == ExportState::Approved || !view.elsewhere.is_empty(),
            elsewhere: view.elsewhere,
            row: Row::of(view.row),
            terms: view.terms,
            pack,
            manifest,
            custody: view.custody.into_iter().map(Step::of).collect(),
            may_decide: view.may_decide,
            waits_for_another: view.asked_by_viewer,
            reason: Field::default(),
            fingerprint: view.fingerprint,
        }
    }

    fn again(mut self, form: DeedForm, sentence: String) -> Self {
        let field = if self.may_decide { "reason" } else { "main-content" };
        let problems = vec![(field.to_owned(), sentence)];
        self.reason = Field::of("reason", form.reason, &problems);
        self.summary = summary(&problems);
        self
    }
}

impl Step {
    fn of(step: CustodyView) -> Self {
        Self { at: words::day_and_time(step.at), by: step.by, title: step.step.title(), words: step.words }
    }
}

impl AskForm {
    fn question(&self) -> ExportQuestion {
        let text = |name| self.value(name).to_owned();
        ExportQuestion {
            kind: text("kind"),
            requester: text("requester"),
            their_reference: text("their_reference"),
            person: text("person"),
            from: text("from"),
            until: text("until"),
            basis: text("basis"),
            purpose: text("purpose"),
            hold: text("hold"),
        }
    }

    fn value(&self, name: &str) -> &str {
        match name {
            "kind" => &self.kind,
            "requester" => &self.requester,
            "their_reference" => &self.their_reference,
            "person" => &self.person,
            "from" => &self.from,
            "until" => &self.until,
            "basis" => &self.basis,
            "purpose" => &self.purpose,
            "hold" => &self.hold,
            _ => "",
        }
    }

    /// The questions that this kind of request has.
    fn questions(&self) -> impl Iterator<Item = &'static Question> {
        let is_police = self.kind == ExportKind::Police.slug();
        QUESTIONS.iter().filter(move |(step, ..)| *step != "hold" || is_police)
    }

    /// The next page: the first question that was answered wrong, the one after the last answered, or the check.
    pub(crate) fn next(&self, problems: &[(String, String)]) -> AskPage {
        let is_of = |fields: &[(&str, &str, &str)]| {
            problems.iter().any(|(field, _)| fields.iter().any(|(name, ..)| name == field))
        };
        if let Some(question) = self.questions().find(|(step, ..)| *step == self.change) {
            return self.page(question, &[]);
        }
        let checking = matches!(self.step.as_str(), "check" | "send");
        let answered = self.questions().position(|(step, ..)| *step == self.step);
        for (place, question) in self.questions().enumerate() {
            let was_asked = checking || answered.is_some_and(|answered| place <= answered);
            match (is_of(question.2), was_asked) {
                (true, true) => return self.page(question, problems),
                // The one field that may stay empty has a page of its own, which is asked all the same.
                (true, false) => return self.page(question, &[]),
                (false, false) if self.is_unseen(question) => return self.page(question, &[]),
                (false, _) => {}
            }
        }
        self.check()
    }

    /// True where none of its fields is filled in.
    fn is_unseen(&self, (_, _, fields): &Question) -> bool {
        fields.iter().all(|(name, ..)| self.value(name).is_empty())
    }

    fn page(&self, (step, title, fields): &Question, problems: &[(String, String)]) -> AskPage {
        let field = |(name, label, hint): &(&'static str, &'static str, &'static str)| AskField {
            name,
            label,
            hint,
            field: Field::of(name, self.value(name).to_owned(), problems),
            choices: choices_of(name, self.value(name)),
            is_long: *name == "purpose",
        };
        let own: Vec<AskField> = fields.iter().map(field).collect();
        let of_page: Vec<(String, String)> =
            problems.iter().filter(|(name, _)| own.iter().any(|field| field.name == name)).cloned().collect();
        AskPage {
            summary: summary(&of_page),
            step,
            title,
            hidden: self.hidden(fields),
            fields: own,
            answers: Vec::new(),
        }
    }

    fn check(&self) -> AskPage {
        let fields =
            self.questions().flat_map(|(step, _, fields)| fields.iter().map(move |field| (step, field)));
        let answers = fields.map(|(step, (name, label, _))| {
            let value = self.value(name);
            let chosen = choices_of(name, value).into_iter().find(|choice| choice.selected);
            let shown = chosen.map_or_else(|| value.to_owned(), |choice| choice.text);
            let empty = if *name == "person" { "Everybody" } else { "Not given" };
            (*step, *label, if shown.is_empty() { empty.to_owned() } else { shown })
        });
        AskPage {
            summary: Vec::new(),
            step: "check",
            title: "Check your answers",
            hidden: self.hidden(&[]),
            fields: Vec::new(),
            answers: answers.collect(),
        }
    }

    /// Every answer but those of the fields on the page.
    fn hidden(&self, shown: &[(&str, &str, &str)]) -> Vec<(&'static str, String)> {
        let names = QUESTIONS.iter().flat_map(|(_, _, fields)| fields.iter().map(|(name, ..)| *name));
        let others = names.filter(|name| !shown.iter().any(|(other, ..)| other == name));
        others
            .map(|name| (name, self.value(name).to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

fn choices_of(name: &str, chosen: &str) -> Vec<Choice> {
    let choose = [("", "Choose")].into_iter();
    match name {
        "kind" => choices(choose.chain(ExportKind::ALL.map(|kind| (kind.slug(), kind.title()))), chosen),
        "basis" => choices(choose.chain(LawfulBasis::ALL.map(|basis| (basis.slug(), basis.title()))), chosen),
        "hold" => choices(choose.chain([("yes", "Yes"), ("no", "No")]), chosen),
        _ => Vec::new(),
    }
}

/// `GET /exports`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.exports_view(visit.actor()?).await?;
    desk.page("exports.html", &visit, &ExportsPage::of(view, desk.clock.now())).await
}

/// `GET /exports/ask`: the first question.
pub(crate) async fn begin(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let form = AskForm::default();
    let problems = desk.app.export_problems(visit.actor()?, &form.question()).await?;
    desk.page("export_ask.html", &visit, &form.next(&problems)).await
}

/// `POST /exports/ask`: an answer; the next question, or at the end the request.
pub(crate) async fn answer(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<AskForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let problems = desk.app.export_problems(actor, &form.question()).await?;
    if form.step == "send" && form.change.is_empty() && problems.is_empty() {
        let id = desk.app.ask_for_export(actor, &form.question()).await?;
        return Ok(Redirect::to(&format!("/exports/{id}")).into_response());
    }
    let page = form.next(&problems);
    if page.summary.is_empty() {
        desk.page("export_ask.html", &visit, &page).await
    } else {
        desk.form_again("export_ask.html", &visit, &page).await
    }
}

/// `GET /exports/{export}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    desk.page("export.html", &visit, &page_of(&desk, &visit, &id).await?).await
}

/// `POST /exports/{export}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<DeedForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, &id).await?;
            desk.form_again("export.html", &visit, &page.again(form, sentence)).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &DeedForm) -> Result<Response, Undone> {
    let (actor, id) = (visit.actor()?, ExportId::parse(typed).ok_or(Problem::NotFound)?);
    let deed = match form.deed.as_str() {
        "approve" => ExportDeed::Approve(form.reason.clone()),
        "refuse" => ExportDeed::Refuse(form.reason.clone()),
        "make" => ExportDeed::Make,
        _ => return Err(Problem::Unreadable.into()),
    };
    if !desk.app.work_on_export(actor, id, deed).await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/exports/{id}")).into_response())
}

/// `GET /exports/{export}/pack`: the pack, a piece at a time.
pub(crate) async fn pack(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = ExportId::parse(&id).ok_or(Problem::NotFound)?;
    let pack = desk.app.download_export(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    let (name, bytes) = (pack.name.clone(), pack.bytes);
    let mut answer = download::named(FileKind::Zip, &name, in_pieces(pack));
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(answer)
}

fn in_pieces(pack: PackFile) -> Body {
    let pieces = stream::try_unfold(pack.file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; CHUNK_BYTES];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((piece, file))
        });
        let (piece, file) = read.await.map_err(std::io::Error::other)??;
        Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    });
    Body::from_stream(pieces)
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str) -> Result<ExportPage, Problem> {
    let id = ExportId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.export_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(ExportPage::of(view))
}

#[cfg(test)]
impl AskForm {
    /// A request of the police with this text in every field.
    pub(crate) fn sample(step: &str, text: &str) -> Self {
        let of = str::to_owned;
        Self {
            step: of(step),
            change: String::new(),
            kind: ExportKind::Police.slug().to_owned(),
            requester: of(text),
            their_reference: of(text),
            person: of(text),
            from: of(text),
            until: of(text),
            basis: of(text),
            purpose: of(text),
            hold: of(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of a form that has nothing but these fields.
    fn problems(filled: &[&str]) -> Vec<(String, String)> {
        let all = ["kind", "requester", "from", "until", "basis", "purpose", "hold"];
        let missing = all.iter().filter(|field| !filled.contains(field));
        missing.map(|field| ((*field).to_owned(), "Write it".to_owned())).collect()
    }

    #[test]
    fn one_question_a_page_in_order_and_the_empty_one_is_asked_too() {
        let empty = AskForm { kind: String::new(), ..AskForm::sample("", "") };
        let first = empty.next(&problems(&[]));
        assert_eq!((first.step, first.summary.len()), ("kind", 0));
        let again = AskForm { step: "kind".to_owned(), ..empty }.next(&problems(&[]));
        assert_eq!((again.step, again.summary.len()), ("kind", 1));
        let police = AskForm { step: "kind".to_owned(), ..AskForm::sample("", "") };
        assert_eq!(police.next(&problems(&["kind"])).step, "requester");
        let named = AskForm {
            step: "requester".to_owned(),
            requester: "PC 4711".to_owned(),
            ..AskForm::sample("", "")
        };
        assert_eq!(named.next(&problems(&["kind", "requester"])).step, "person", "it may stay empty");
        let everybody = AskForm { step: "person".to_owned(), ..named };
        assert_eq!(everybody.next(&problems(&["kind", "requester"])).step, "period");
        let last = AskForm { step: "hold".to_owned(), ..AskForm::sample("", "x") };
        assert_eq!(last.next(&[]).step, "check");
        let back = AskForm { change: "basis".to_owned(), ..AskForm::sample("send", "x") };
        assert_eq!(back.next(&[]).step, "basis");
        let others = AskForm { kind: ExportKind::LocalAuthority.slug().to_owned(), ..last };
        assert!(!others.questions().any(|(step, ..)| *step == "hold"), "only for the police");
    }
}
