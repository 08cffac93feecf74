//! Who may import whom: the `[dependencies]` of each crate against `layers.toml`. Tests may use what they like.

use super::Finding;
use super::source::Source;
use crate::failure::Failure;
use std::collections::BTreeMap;
use toml::Table;

/// What `layers.toml` says.
pub struct Layers {
    crates: BTreeMap<String, Vec<String>>,
    external_never: BTreeMap<String, Vec<String>>,
    external_only: BTreeMap<String, Vec<String>>,
}

impl Layers {
    /// Reads `layers.toml`; every section is a table of lists of names.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let table = parse("layers.toml", text)?;
        let section = |name: &str| -> Result<BTreeMap<String, Vec<String>>, Failure> {
            let lists = table.get(name).and_then(toml::Value::as_table);
            let lists =
                lists.ok_or_else(|| Failure::new(format!("layers.toml: expected the section [{name}]")))?;
            lists.iter().map(|(name, list)| Ok((name.clone(), names(name, list)?))).collect()
        };
        Ok(Self {
            crates: section("crates")?,
            external_never: section("external_never")?,
            external_only: section("external_only")?,
        })
    }

    /// Checks the manifest of every crate of the workspace among the sources. What lies outside it (the fuzz targets) may
    /// import what it likes, for nothing can import it.
    pub fn check(&self, sources: &[Source]) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        let in_workspace = |path: &str| path.starts_with("crates/") || path.starts_with("xtask/");
        let manifests = sources.iter().filter(|source| source.path.ends_with("/Cargo.toml"));
        for manifest in manifests.filter(|source| in_workspace(&source.path)) {
            findings.extend(self.check_manifest(manifest)?);
        }
        Ok(findings)
    }

    fn check_manifest(&self, manifest: &Source) -> Result<Vec<Finding>, Failure> {
        let table = parse(&manifest.path, &manifest.text)?;
        let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let name = name.ok_or_else(|| Failure::new(format!("{}: expected a package name", manifest.path)))?;
        let folder = manifest.path.trim_end_matches("/Cargo.toml").rsplit('/').next().unwrap_or_default();
        let mut findings = Vec::new();
        if folder != name {
            findings.push(
                manifest.finding(1, format!("the crate `{name}` lies in `{folder}`: give both one name")),
            );
        }
        let Some(may_import) = self.crates.get(name) else {
            let what = format!("layers.toml does not know the crate `{name}`: say there what it may import");
            findings.push(manifest.finding(1, what));
            return Ok(findings);
        };
        for dependency in dependencies(&table) {
            if let Some(what) = self.objection(name, may_import, &dependency) {
                findings.push(manifest.finding(line_of(manifest, &dependency), what));
            }
        }
        Ok(findings)
    }

    fn objection(&self, name: &str, may_import: &[String], dependency: &str) -> Option<String> {
        let holds = |list: Option<&Vec<String>>, wanted: &str| {
            list.is_some_and(|list| list.iter().any(|entry| entry == wanted))
        };
        if self.crates.contains_key(dependency) && !may_import.iter().any(|entry| entry == dependency) {
            return Some(format!(
                "`{name}` imports `{dependency}`, which layers.toml does not allow: go through a layer between, or move the code down"
            ));
        }
        if holds(self.external_never.get(name), dependency) {
            return Some(format!(
                "`{name}` must never import `{dependency}` (layers.toml): keep it at the edge"
            ));
        }
        let only = self.external_only.get(dependency);
        if only.is_some() && !holds(only, name) {
            let owners = only.map(|owners| owners.join(", ")).unwrap_or_default();
            return Some(format!(
                "only {owners} may import `{dependency}` (layers.toml): ask there for what is needed"
            ));
        }
        None
    }
}

/// The names of what a crate is built from, also for particular systems and for its build script.
fn dependencies(manifest: &Table) -> Vec<String> {
    let systems = manifest.get("target").and_then(toml::Value::as_table);
    let systems = systems.into_iter().flat_map(|systems| systems.values().filter_map(toml::Value::as_table));
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(systems) {
        for section in ["dependencies", "build-dependencies"] {
            let listed = table.get(section).and_then(toml::Value::as_table);
            found.extend(listed.into_iter().flatten().map(|(name, value)| {
                // A renamed dependency counts by its own name.
                let own = value.get("package").and_then(toml::Value::as_str);
                own.unwrap_or(name).to_owned()
            }));
        }
    }
    found
}

fn line_of(manifest: &Source, dependency: &str) -> usize {
    let begins =
        |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    manifest.text.lines().position(begins).map_or(1, |place| place + 1)
}

/// Reads a TOML file; the failure names the file.
pub fn parse(path: &str, text: &str) -> Result<Table, Failure> {
    text.parse().map_err(|error| Failure::new(format!("{path}: {error}")))
}

/// A list of names.
pub fn names(key: &str, list: &toml::Value) -> Result<Vec<String>, Failure> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<String> = entries.iter().filter_map(|entry| entry.as_str().map(str::to_owned)).collect();
    if list.is_array() && names.len() == entries.len() {
        Ok(names)
    } else {
        Err(Failure::new(format!("`{key}`: expected a list of names, found {list}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &str = "[crates]\nmodel = []\npolicy = ['model']\nstore = ['model']\n\
                          [external_never]\npolicy = ['tokio']\n[external_only]\nsqlx = ['store']\n";

    fn findings(name: &str, dependencies: &str) -> Vec<Finding> {
        let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}");
        let manifest = Source::new(&format!("crates/{name}/Cargo.toml"), text).unwrap();
        Layers::parse(LAYERS).unwrap().check(&[manifest]).unwrap()
    }

    #[test]
    fn what_the_layers_allow_passes() {
        assert!(
            findings("policy", "model.workspace = true\n[dev-dependencies]\nstore.workspace = true\n")
                .is_empty()
        );
        assert!(findings("store", "sqlx = \"0.9\"\ntokio = \"1\"\n").is_empty());
    }

    #[test]
    fn an_edge_that_is_not_allowed_is_found_at_its_line() {
        for (name, dependencies, words) in [
            ("policy", "model = {}\nstore.workspace = true\n", "imports `store`"),
            ("policy", "model = {}\ntokio = \"1\"\n", "must never import `tokio`"),
            ("policy", "model = {}\nsqlx = { version = \"1\" }\n", "only store may import `sqlx`"),
            ("model", "serde = \"1\"\npolicy = { path = \"../policy\" }\n", "imports `policy`"),
        ] {
            let found = findings(name, dependencies);
            assert!(found.len() == 1 && found[0].line == 5 && found[0].what.contains(words), "{found:?}");
        }
        assert!(
            findings("model", "[target.'cfg(unix)'.dependencies]\nstore = {}\n")[0]
                .what
                .contains("imports `store`")
        );
        assert!(
            findings("model", "[build-dependencies]\nother = { package = \"store\" }\n")[0]
                .what
                .contains("`store`")
        );
        assert!(findings("stranger", "")[0].what.contains("does not know"));
    }
}
