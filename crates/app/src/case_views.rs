//! The list of cases, one case, and what is taken away of it. Opening a case is recorded.

use crate::circle::may_read_case;
use crate::history_rows::Names;
use crate::views::{CaseLineView, CaseRow, CaseView, CasesView, EvidenceView};
use crate::{App, AppError, Named, words};
use jiff::tz::TimeZone;
use model::{Action, Actor, CaseEntryKind, CaseId, CaseLinkKind, CaseOutcome, DeviceId, Role};
use store::{CaseLink, CaseRecord};

/// The columns of the file that a safeguarding record takes in.
pub(crate) const COLUMNS: [&str; 9] = [
    "case",
    "time (UTC)",
    "school time",
    "kind",
    "by",
    "words",
    "reason",
    "struck out",
    "reference elsewhere",
];

impl App {
    /// The cases this person may read, open ones first.
    pub async fn cases_view(&self, actor: &Actor) -> Result<CasesView, AppError> {
        self.reach(actor, Action::WorkCases).await?;
        let cases = self.0.parts.store.cases().await?;
        let readable = cases.iter().filter(|case| may_read_case(actor, case));
        Ok(CasesView { rows: readable.map(|case| self.case_row(case)).collect() })
    }

    /// One case; `None` where this person may read no such case. Names stand in it only with `named`, which is to be
    /// recorded first ([`App::show_names_of_case`]).
    pub async fn case_view(
        &self,
        actor: &Actor,
        id: CaseId,
        named: Named,
    ) -> Result<Option<CaseView>, AppError> {
        let Some(case) = self.case_for(actor, id).await? else { return Ok(None) };
        self.note(&self.case_fact(actor, &case, "look-at-case")).await?;
        let store = &self.0.parts.store;
        let (links, entries) = (store.case_links(id).await?, store.case_entries(id).await?);
        let of = |kind| links.iter().filter(move |link| link.kind == kind);
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let devices = of(CaseLinkKind::Device).map(|link| names.device(DeviceId::parse(&link.target)));
        let alerts = store.alerts_of_case(id).await?;
        let titled = |alert: &store::AlertRecord| {
            (alert.id.to_string(), crate::alert_views::title_of(alert.alert.kind).to_owned())
        };
        let readers = if case.circle.is_empty() {
            case.readers.iter().map(|role| Role::title(*role).to_owned()).collect()
        } else {
            case.circle.iter().map(|person| self.display_name(*person)).collect()
        };
        Ok(Some(CaseView {
            row: self.case_row(&case),
            people: case
                .people
                .iter()
                .map(|person| match named {
                    Named::Yes => self.display_name(*person),
                    Named::No => self.pseudonym_of(*person),
                })
                .collect(),
            devices: devices.collect(),
            alerts: alerts.iter().map(titled).collect(),
            filter_changes: of(CaseLinkKind::FilterChange).map(|link| link.target.clone()).collect(),
            evidence: of(CaseLinkKind::Event).filter_map(evidence_view).collect(),
            lines: entries.into_iter().map(|entry| self.case_line_view(entry)).collect(),
            readers,
            circle: case.circle.iter().map(|id| (id.to_string(), self.display_name(*id))).collect(),
            may_join: self.may_join(&case).into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
            may_show_names: !case.people.is_empty() && Self::may_show_names(actor),
            names_shown: named == Named::Yes,
            may_hold: !identity::scopes_for(actor, Action::HoldHistory).is_empty(),
        }))
    }

    /// A case's timeline as a file (RFC 4180), a line each; `None` where this person may read no such case. That it was
    /// taken is a line of the case, and a fact.
    pub async fn export_case(&self, actor: &Actor, id: CaseId) -> Result<Option<Vec<u8>>, AppError> {
        let Some(case) = self.case_for(actor, id).await? else { return Ok(None) };
        let fact = self.case_fact(actor, &case, "export-case").with("form", "csv");
        let line = self.case_line(id, actor, CaseEntryKind::Exported, "As a file (CSV)");
        self.commit(&fact, &[line]).await?;
        let rows = self.0.parts.store.case_entries(id).await?;
        let zone = self.snapshot().policy().time_zone.clone();
        let (id, reference) = (id.to_string(), case.reference.clone().unwrap_or_default());
        let lines = rows.into_iter().map(|entry| self.case_line_view(entry));
        let lines = lines.map(|line| line_cells(&id, &line, &zone, &reference));
        crate::export_history::as_csv(&COLUMNS, lines).map(Some)
    }

    fn case_row(&self, case: &CaseRecord) -> CaseRow {
        CaseRow {
            id: case.id.to_string(),
            title: case.title.clone(),
            school: self.place_of(&case.scope),
            opened: case.opened.0,
            owner: case.owner.map(|owner| self.display_name(owner)).unwrap_or_default(),
            outcome: case.outcome.map(CaseOutcome::title).unwrap_or_default().to_owned(),
            closed: case.closed_at,
            reference: case.reference.clone().unwrap_or_default(),
            is_restricted: !case.circle.is_empty(),
        }
    }

    fn case_line_view(&self, entry: store::CaseEntry) -> CaseLineView {
        CaseLineView {
            sequence: entry.sequence,
            at: entry.at,
            by: self.name_in_audit(&entry.actor),
            may_strike: entry.struck.is_none() && CaseEntryKind::WRITTEN.contains(&entry.kind),
            kind: entry.kind,
            words: entry.words,
            reason: entry.reason,
            struck: entry.struck.map(|(at, by, why)| (at, self.name_in_audit(&by), why)),
        }
    }
}

/// A line of the timeline as cells of a table.
pub(crate) fn line_cells(id: &str, line: &CaseLineView, zone: &TimeZone, reference: &str) -> [String; 9] {
    [
        id.to_owned(),
        line.at.to_string(),
        words::date_and_time(zone, line.at),
        line.kind.title().to_owned(),
        line.by.clone(),
        line.words.clone(),
        line.reason.clone(),
        line.struck.as_ref().map(|(_, by, why)| format!("{by}: {why}")).unwrap_or_default(),
        reference.to_owned(),
    ]
}

fn evidence_view(link: &CaseLink) -> Option<EvidenceView> {
    Some(EvidenceView {
        copy: link.frozen.clone()?,
        hash: link.hash.clone()?,
        is_unchanged: link.is_unchanged()?,
        at: link.at,
    })
}
