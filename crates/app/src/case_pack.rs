//! A case as a sealed pack: the timeline as pages to read and print (PDF, HTML) and as a table, each piece of evidence as it
//! was frozen, and a signed manifest. It stands beside the school's own safeguarding record, whose reference it carries.
//!
//! People have pseudonyms in it, as on the case's page; what was written by hand stands as it was written.

use crate::case_paper::{document, originals, record_hash, terms_of};
use crate::export_rows::escaped;
use crate::views::{CaseLineView, CaseView, EvidenceView};
use crate::{App, AppError, Named, words};
use jiff::tz::TimeZone;
use model::{Actor, CaseEntryKind, CaseId, Timestamp};
use std::io::Cursor;
use wire::{Manifest, PackWriter};

/// The most bytes of a case's pack before its manifest: it is made in memory.
const MOST_BYTES: usize = 64 << 20;

impl App {
    /// A case as a sealed pack; `None` where this person may read no such case. That it was taken is a line of the case,
    /// and a fact with the hash of its manifest.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the case is larger than a pack in memory may be.
    pub async fn export_case_pack(&self, actor: &Actor, id: CaseId) -> Result<Option<Vec<u8>>, AppError> {
        let Some(case) = self.case_for(actor, id).await? else { return Ok(None) };
        let Some(view) = self.case_view(actor, id, Named::No).await? else { return Ok(None) };
        let (zone, now) = (self.snapshot().policy().time_zone.clone(), self.now());
        let audit = self.audit_heads_of(std::slice::from_ref(&case.scope)).await?;
        let manifest = Manifest {
            organisation: self.organisation_of(&case.scope),
            reference: format!("case {id}"),
            kind: "case".to_owned(),
            made_at: now.to_string(),
            from: case.opened.0.to_string(),
            until: case.closed_at.unwrap_or(now).to_string(),
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            rows: u64::try_from(view.evidence.len()).unwrap_or(u64::MAX),
            audit,
            ..Manifest::default()
        };
        let originals = originals(&view, &zone)?;
        let record = record_hash(&originals);
        let mut members = vec![("case.html".to_owned(), page(&view, &manifest, (&zone, now)).into_bytes())];
        let imprint = self.imprint(actor, (&case.scope, zone), record.clone());
        let document = document(view, imprint).await?;
        let has_document = document.is_some();
        members.extend(document.map(|bytes| ("case.pdf".to_owned(), bytes)));
        members.extend(originals.into_iter().map(|(name, text)| (name, text.into_bytes())));
        if members.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MOST_BYTES {
            return Err(AppError::refused(
                "This case has more evidence than one pack holds. Take its timeline as a spreadsheet file, and ask your \
                 technician.",
                "expected at most 64 MiB of a case, found more",
            ));
        }
        let mut pack = PackWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &members {
            pack.add(name, &mut bytes.as_slice())?;
        }
        let (out, made) = pack.finish(manifest, &self.0.parts.seals.key)?;
        let fact = self.case_fact(actor, &case, "export-case").with("form", "pack");
        let without = if has_document { "" } else { ", without a document (PDF), for which it is too long" };
        let said = format!(
            "As a sealed pack (ZIP){without}; the manifest\u{2019}s SHA-256 is {}",
            made.manifest_sha256
        );
        let line = self.case_line(id, actor, CaseEntryKind::Exported, &said);
        self.commit(&fact.with("manifest", made.manifest_sha256).with("record", record), &[line]).await?;
        Ok(Some(out.into_inner()))
    }
}

/// The case as a page that prints: what it is, its timeline with what was struck out, its evidence with the hashes.
fn page(view: &CaseView, manifest: &Manifest, (zone, now): (&TimeZone, Timestamp)) -> String {
    let made = [
        ("Made", words::date_and_time(zone, now)),
        ("Times", format!("By the clock of {}; in the table also in UTC", manifest.time_zone)),
    ];
    let terms: String = terms_of(view, zone, &manifest.organisation)
        .into_iter()
        .chain(made)
        .map(|(name, words)| {
            format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(&words))
        })
        .collect();
    let lines: String = view.lines.iter().map(|line| line_as_html(line, zone)).collect();
    let evidence: String =
        (1..).zip(&view.evidence).map(|(number, item)| evidence_as_html(number, item)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><title>Case: {title}</title>\n<style>body{{\
         font-family:sans-serif;max-width:50em;margin:auto}}table{{border-collapse:collapse}}th,td{{border:1px solid;\
         padding:2px 6px;text-align:left;vertical-align:top}}pre{{white-space:pre-wrap;overflow-wrap:anywhere}}li,section{{\
         break-inside:avoid}}</style></head>\n<body><main><h1>Case: {title}</h1>\n<table><tbody>\n{terms}</tbody></table>\n\
         <h2>Timeline</h2>\n<ol>\n{lines}</ol>\n<h2>Evidence</h2>\n{evidence}</main></body></html>\n",
        title = escaped(&view.row.title),
    )
}

fn line_as_html(line: &CaseLineView, zone: &TimeZone) -> String {
    let said = escaped(&line.words);
    let mut item = match &line.struck {
        Some((at, by, why)) => format!(
            "<s>{said}</s><br>Struck out on {} by {}: {}",
            words::date_and_time(zone, *at),
            escaped(by),
            escaped(why)
        ),
        None => said,
    };
    if !line.reason.is_empty() {
        item = format!("{item}<br>Because: {}", escaped(&line.reason));
    }
    let (at, by) = (words::date_and_time(zone, line.at), escaped(&line.by));
    format!("<li><strong>{}</strong><br>{item}<br><small>{at}, {by}</small></li>\n", line.kind.title())
}

fn evidence_as_html(number: usize, evidence: &EvidenceView) -> String {
    let state =
        if evidence.is_unchanged { "Unchanged since it was copied" } else { "CHANGED since it was copied" };
    format!(
        "<section><h3>{number}. {state}</h3>\n<pre>{}</pre>\n<p>SHA-256 {}</p></section>\n",
        lines_escaped(&evidence.copy),
        escaped(&evidence.hash)
    )
}

/// A text of several lines, which stay lines.
fn lines_escaped(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escaped).collect();
    lines.join("\n")
}
