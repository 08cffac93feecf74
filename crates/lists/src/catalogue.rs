//! Well-known public lists: where they are, how they are written, what they may be used for. Ours to describe, not ours to
//! ship: no list is copied in, and each stays its keeper's.

use crate::ListError;
use model::Category;
use policy::rules::ListFormat;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const CATALOGUE: &str = include_str!("../catalogue/catalogue.toml");

/// How a policy file writes each format.
const FORMATS: [(&str, ListFormat); 12] = [
    ("domains", ListFormat::Domains),
    ("domains-exact", ListFormat::DomainsExact),
    ("hosts", ListFormat::Hosts),
    ("adguard", ListFormat::AdGuard),
    ("dnsmasq", ListFormat::Dnsmasq),
    ("unbound", ListFormat::Unbound),
    ("rpz", ListFormat::Rpz),
    ("urls", ListFormat::Urls),
    ("addresses", ListFormat::Addresses),
    ("csv", ListFormat::Csv),
    ("hashes", ListFormat::Hashes),
    ("ut1", ListFormat::Ut1),
];

/// A public list, as the catalogue describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogueEntry {
    /// A short id; a policy may use it as its own.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who keeps it.
    pub keeper: String,
    /// Where its keeper speaks of it.
    pub home: String,
    /// Where it is fetched; `None` for a list that its keeper gives to members alone.
    pub address: Option<String>,
    /// How it is written.
    pub format: ListFormat,
    /// Under which licence it is given.
    pub licence: String,
    /// The category that fits its names; `None` for a tree.
    pub category: Option<Category>,
    /// For a tree, the category that fits each folder.
    pub folders: Vec<(String, Category)>,
    /// How often a look is worth its keeper's trouble.
    pub refresh_hours: u16,
    /// What a school should know before it takes it.
    pub note: String,
}

impl CatalogueEntry {
    /// The format as a policy file writes it.
    pub fn format_slug(&self) -> &'static str {
        FORMATS.iter().find(|(_, format)| *format == self.format).map_or("", |(slug, _)| slug)
    }

    /// A `[[list]]` of a policy file, ready to be looked over and approved.
    pub fn to_policy(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = String::from("[[list]]\n");
        let address = self.address.as_deref().unwrap_or("https://ask-the-keeper.example/list");
        let lines =
            [("id", &*self.id), ("name", &*self.name), ("format", self.format_slug()), ("source", address)];
        for (key, value) in lines {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
        if let Some(category) = self.category {
            let _ = writeln!(text, "category = {}", quoted(category.slug()));
        }
        if !self.folders.is_empty() {
            let folders = self.folders.iter();
            let folders =
                folders.map(|(folder, category)| format!("{} = {}", quoted(folder), quoted(category.slug())));
            let _ = writeln!(text, "folders = {{ {} }}", folders.collect::<Vec<_>>().join(", "));
        }
        let _ = writeln!(text, "refresh_hours = {}", self.refresh_hours);
        if self.address.is_none() {
            let _ = writeln!(text, "credentials = {}", quoted(&self.id));
        }
        text
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    list: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    keeper: String,
    home: String,
    address: Option<String>,
    format: String,
    licence: String,
    category: Option<String>,
    #[serde(default)]
    folders: BTreeMap<String, String>,
    refresh_hours: u16,
    note: String,
}

/// The catalogue that ships, in its own order.
///
/// # Errors
/// [`ListError::Catalogue`], which a test of this crate rules out for the file that ships.
pub fn catalogue() -> Result<Vec<CatalogueEntry>, ListError> {
    let file: File = toml::from_str(CATALOGUE).map_err(ListError::Catalogue)?;
    Ok(file.list.into_iter().filter_map(entry).collect())
}

/// A row whose words are known; a test shows that all are.
fn entry(row: Row) -> Option<CatalogueEntry> {
    let format = FORMATS.iter().find(|(slug, _)| *slug == row.format)?.1;
    let category = match row.category {
        Some(slug) => Some(Category::parse(&slug)?),
        None => None,
    };
    let folders = row.folders.into_iter();
    let folders = folders.map(|(folder, slug)| Category::parse(&slug).map(|category| (folder, category)));
    Some(CatalogueEntry {
        id: row.id,
        name: row.name,
        keeper: row.keeper,
        home: row.home,
        address: row.address,
        format,
        licence: row.licence,
        category,
        folders: folders.collect::<Option<_>>()?,
        refresh_hours: row.refresh_hours,
        note: row.note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_is_known_has_its_own_id_and_an_address_that_can_be_fetched() {
        let file: File = toml::from_str(CATALOGUE).unwrap();
        let rows = file.list.len();
        let entries = catalogue().unwrap();
        assert_eq!(entries.len(), rows);
        let mut ids = HashSet::new();
        for entry in entries {
            assert!(ids.insert(entry.id.clone()), "{}", entry.id);
            assert!(
                entry
                    .id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert_eq!(entry.category.is_none(), entry.format == ListFormat::Ut1, "{}", entry.id);
            assert_eq!(entry.folders.is_empty(), entry.format != ListFormat::Ut1, "{}", entry.id);
            for address in entry.address.iter().chain([&entry.home]) {
                assert!(
                    crate::fetch::address(address).is_some_and(|url| url.scheme() == "https"),
                    "{address}"
                );
            }
            assert!(
                (1..=24 * 31).contains(&entry.refresh_hours)
                    && !entry.note.is_empty()
                    && !entry.licence.is_empty()
            );
            let policy: toml::Table = toml::from_str(&entry.to_policy()).unwrap();
            assert_eq!(policy["list"][0]["id"].as_str(), Some(&*entry.id));
        }
    }
}
