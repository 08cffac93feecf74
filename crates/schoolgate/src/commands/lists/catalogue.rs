//! `lists catalogue`: well-known public lists, each as it stands in a policy.

use super::print_json;
use crate::cli::OutputArguments;
use crate::error::ProgramError;
use lists::{CatalogueEntry, catalogue};
use model::Category;
use serde_json::{Value, json};

pub(super) fn print(category: Option<&str>, output: OutputArguments) -> Result<(), ProgramError> {
    let category = match category {
        Some(slug) => Some(Category::parse(slug).ok_or_else(|| {
            let known: Vec<&str> = Category::all().map(Category::slug).collect();
            ProgramError::Usage(format!("--category: expected one of {}, found {slug}", known.join(", ")))
        })?),
        None => None,
    };
    let fits = |entry: &CatalogueEntry| {
        let folders = entry.folders.iter().map(|(_, category)| *category);
        category.is_none_or(|wanted| entry.category.into_iter().chain(folders).any(|has| has == wanted))
    };
    let entries = catalogue().map_err(ProgramError::part("catalogue"))?;
    let entries: Vec<CatalogueEntry> = entries.into_iter().filter(fits).collect();
    if output.json {
        return print_json(&json!({"lists": entries.iter().map(as_json).collect::<Vec<_>>()}));
    }
    if entries.is_empty() {
        return crate::print("The catalogue has no list of that category.");
    }
    let texts: Vec<String> = entries.iter().map(as_text).collect();
    crate::print(&texts.join("\n"))
}

fn as_text(entry: &CatalogueEntry) -> String {
    let CatalogueEntry { name, keeper, licence, home, note, .. } = entry;
    format!("# {name}, kept by {keeper}. Licence: {licence}. See {home}\n# {note}\n{}", entry.to_policy())
}

fn as_json(entry: &CatalogueEntry) -> Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "keeper": entry.keeper,
        "home": entry.home,
        "address": entry.address,
        "format": entry.format_slug(),
        "licence": entry.licence,
        "category": entry.category.map(Category::slug),
        "refresh_hours": entry.refresh_hours,
        "note": entry.note,
        "policy": entry.to_policy(),
    })
}
