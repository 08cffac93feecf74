//! Marks on pages into the bytes of a PDF, with the tree of parts by which it is read aloud (ISO 14289-1).

use crate::fonts::Run;
use crate::layout::{Entry, Mark, PAGE, Part, PartId, Role, Sheets};
use crate::{Paper, PaperError};
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Stroke;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
    TagTree,
};
use krilla::{Document, SerializeSettings};
use std::num::NonZeroU16;

/// The paper as bytes.
///
/// # Errors
/// [`PaperError::NotAccessible`].
pub(crate) fn draw(paper: &Paper, sheets: Sheets) -> Result<Vec<u8>, PaperError> {
    let fault = |words: String| PaperError::NotAccessible(words);
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| fault(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let mut leaves: Vec<Vec<Identifier>> = vec![Vec::new(); sheets.parts.len()];
    for marks in sheets.pages {
        let size =
            PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| fault("a page of no size".to_owned()))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        for mark in marks {
            put(&mut surface, mark, &mut leaves);
        }
        surface.finish();
        page.finish();
    }
    document.set_metadata(metadata(paper));
    document.set_outline(outline(&sheets.entries));
    document.set_tag_tree(tree(paper, &sheets.parts, leaves));
    document.finish().map_err(|error| fault(format!("{error}: {error:?}")))
}

fn put(surface: &mut Surface<'_>, mark: Mark, leaves: &mut [Vec<Identifier>]) {
    match mark {
        Mark::Letters { part, at, size, run } => {
            let leaf = part.and_then(|part| leaves.get_mut(part));
            let Run { font, glyphs, text, actual, .. } = run;
            let tag = match leaf {
                Some(_) => ContentTag::Span(SpanTag::empty().with_actual_text(actual.as_deref())),
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
            };
            let id = surface.start_tagged(tag);
            surface.draw_glyphs(Point::from_xy(at.0, at.1), &glyphs, font, &text, size, false);
            surface.end_tagged();
            if let Some(leaf) = leaf {
                leaf.push(id);
            }
        }
        Mark::Rule { from, length } => {
            let mut path = PathBuilder::new();
            path.move_to(from.0, from.1);
            path.line_to(from.0 + length, from.1);
            let Some(path) = path.finish() else { return };
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
            surface.set_stroke(Some(Stroke { width: 0.6, ..Stroke::default() }));
            surface.draw_path(&path);
            surface.set_stroke(None);
            surface.end_tagged();
        }
    }
}

/// A title that says something: what has none may not be filed (ISO 14289-1, 7.1).
pub(crate) fn named(title: &str) -> &str {
    if title.trim().is_empty() { "Untitled" } else { title }
}

fn metadata(paper: &Paper) -> Metadata {
    let made = paper.made;
    let at = DateTime::new(made.year)
        .month(made.month)
        .day(made.day)
        .hour(made.hour)
        .minute(made.minute)
        .second(made.second)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(named(&paper.title).to_owned())
        .language(paper.language.clone())
        .creator("Schoolgate".to_owned())
        .creation_date(at)
}

/// The headings as a reader's side bar shows them: parts inside their section.
fn outline(entries: &[Entry]) -> Outline {
    let mut outline = Outline::new();
    let mut section: Option<OutlineNode> = None;
    for entry in entries {
        let place = XyzDestination::new(entry.page, Point::from_xy(0.0, entry.y));
        let node = OutlineNode::new(entry.words.clone(), place);
        match &mut section {
            Some(section) if entry.level > 2 => section.push_child(node),
            _ => section.replace(node).into_iter().for_each(|last| outline.push_child(last)),
        }
    }
    section.into_iter().for_each(|last| outline.push_child(last));
    outline
}

/// The tree of parts. A part stands after the one that it is in, so the last are put into theirs first.
fn tree(paper: &Paper, parts: &[Part], leaves: Vec<Vec<Identifier>>) -> TagTree {
    let mut groups: Vec<Option<TagGroup>> = parts
        .iter()
        .zip(leaves)
        .map(|(part, leaves)| {
            Some(TagGroup::with_children(tag_of(&part.role), leaves.into_iter().map(Node::Leaf).collect()))
        })
        .collect();
    let mut inside: Vec<Vec<PartId>> = vec![Vec::new(); parts.len()];
    for (id, part) in parts.iter().enumerate() {
        if let Some(children) = part.inside.and_then(|outer| inside.get_mut(outer)) {
            children.push(id);
        }
    }
    for (id, children) in inside.iter().enumerate().rev() {
        let children: Vec<TagGroup> =
            children.iter().filter_map(|child| groups.get_mut(*child).and_then(Option::take)).collect();
        if let Some(Some(group)) = groups.get_mut(id) {
            children.into_iter().for_each(|child| group.push(child));
        }
    }
    let mut tree = TagTree::new().with_lang(Some(paper.language.clone()));
    groups.into_iter().flatten().for_each(|group| tree.push(group));
    tree
}

fn tag_of(role: &Role) -> TagKind {
    match role {
        Role::Heading { level, words } => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(words.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Table { summary } => Tag::Table.with_summary(Some(summary.clone())).into(),
        Role::Heads => Tag::THead.into(),
        Role::Rows => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
    }
}
