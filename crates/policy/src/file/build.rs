//! A checked document becomes the values that decide, and the facts beside them.

use super::edition::{
    BypassFile, EditionFile, EntryFile, GroupFile, ListFile, MembersFile, SchoolTightening, SettingsFile,
    TightenFile, WindowFile,
};
use super::facts::Facts;
use super::networks;
use super::traffic;
use super::values::{At, CategoryName};
use crate::rules::{
    AddressUse, Entry, GroupRules, ListSource, Members, Network, Origin, OwnTerm, Policy, School,
    Subscription, Tightening, Watching, Window, WindowEffect,
};
use model::{Category, CategorySet, GroupId, ListId, NetworkId, PolicyHash, SchoolId};
use serde_json::Value;
use std::sync::Arc;

/// Builds a document's values; `None` when its networks have no order, which the checks reported.
pub(crate) fn build(
    edition: &EditionFile,
    settings: Option<&SettingsFile>,
    hash: PolicyHash,
    edition_hash: PolicyHash,
) -> Option<(Policy, Facts, Value)> {
    let merged = merged(edition, settings);
    let policy = policy(&merged, settings, hash)?;
    let mut words = serde_json::to_value(&merged).unwrap_or_default();
    if let (Some(all), Some(settings)) = (words.as_object_mut(), settings) {
        all.insert("settings".to_owned(), serde_json::to_value(&settings.settings).unwrap_or_default());
    }
    Some((policy, facts(merged, settings, edition_hash), words))
}

/// The edition with what a settings revision adds to its groups and lists.
fn merged(edition: &EditionFile, settings: Option<&SettingsFile>) -> EditionFile {
    let mut merged = edition.clone();
    let Some(settings) = settings else { return merged };
    merged.list.extend(settings.list.iter().cloned());
    for change in &settings.group {
        if let Some(group) = merged.group.iter_mut().find(|group| group.id.0 == change.id.0) {
            group.block.extend(change.block.iter().cloned());
            group.allow.extend(change.allow.iter().cloned());
            group.deny.extend(change.deny.iter().cloned());
            group.window.extend(change.window.iter().cloned());
            group.close_ways.extend(change.close_ways.iter().cloned());
            group.files.block.extend(change.block_files.iter().cloned());
        }
    }
    merged
}

fn policy(edition: &EditionFile, settings: Option<&SettingsFile>, hash: PolicyHash) -> Option<Policy> {
    let order = networks::inner_first(&edition.network).ok()?;
    let networks = order.into_iter().filter_map(|at| edition.network.get(at)).map(|network| Network {
        id: NetworkId::new(network.id.0.as_str()),
        school: SchoolId::new(network.school.0.as_str()),
        ranges: network.ranges.iter().map(|range| range.0).collect(),
        group: network.group.as_ref().map(|group| GroupId::new(group.0.as_str())),
        sign_in: network.sign_in.into(),
        addresses: if network.shared_addresses { AddressUse::Shared } else { AddressUse::OneDevice },
    });
    Some(Policy {
        hash,
        title: edition.edition.title.as_str().into(),
        trust: edition.edition.trust.as_deref().map(Into::into),
        schools: edition
            .school
            .iter()
            .map(|school| School {
                id: SchoolId::new(school.id.0.as_str()),
                name: school.name.as_str().into(),
            })
            .collect(),
        time_zone: edition.edition.time_zone.0.clone(),
        networks: networks.collect(),
        groups: edition.group.iter().map(|rules| group(rules, edition, settings)).collect(),
        lists: edition.list.iter().map(list).collect(),
        bypass: edition.bypass.iter().map(bypass).collect(),
        watching: watching(edition),
    })
}

fn watching(edition: &EditionFile) -> Watching {
    let terms = edition.monitoring.term.iter().map(|term| OwnTerm {
        words: term.words.0.as_str().into(),
        theme: term.theme.0,
        severity: term.severity.0,
        why: term.why.as_str().into(),
    });
    let languages = edition.monitoring.languages.iter().map(|language| language.0);
    Watching { languages: languages.collect(), terms: terms.collect() }
}

fn group(group: &GroupFile, edition: &EditionFile, settings: Option<&SettingsFile>) -> GroupRules {
    let origin = if edition.edition.trust.is_some() { Origin::Trust } else { Origin::School };
    let baseline = edition.school.iter().flat_map(|school| {
        let of_group = school.tighten.iter().filter(|tighten| tighten.group.0 == group.id.0);
        of_group.map(|tighten| (SchoolId::new(school.id.0.as_str()), tightening(tighten)))
    });
    let added = settings.into_iter().flat_map(|settings| &settings.tighten);
    let added = added
        .filter(|tighten| tighten.group.0 == group.id.0)
        .map(|tighten| (SchoolId::new(tighten.school.0.as_str()), later_tightening(tighten)));
    GroupRules {
        id: GroupId::new(group.id.0.as_str()),
        name: group.name.as_str().into(),
        stage: group.stage.0,
        members: members(&group.members),
        default: group.default.into(),
        block: categories(&group.block),
        allow_categories: categories(&group.allow_categories),
        allow: entries(&group.allow, origin),
        deny: entries(&group.deny, origin),
        windows: group.window.iter().filter_map(window).collect(),
        safe_search: group.safe_search,
        youtube: group.youtube.into(),
        inspection: group.inspection.into(),
        traffic: traffic::rules(group),
        tightened: baseline.chain(added).collect(),
    }
}

fn members(members: &MembersFile) -> Members {
    Members {
        roles: members.roles.iter().map(|role| role.0).collect(),
        years: members.years.iter().map(|year| year.0).collect(),
        equipment: members.equipment.iter().map(|kind| kind.0).collect(),
    }
}

fn tightening(tighten: &TightenFile) -> Tightening {
    Tightening {
        block: categories(&tighten.block),
        deny: entries(&tighten.deny, Origin::School),
        closed: tighten.window.iter().filter_map(window).collect(),
        safe_search: tighten.safe_search.as_deref().copied().unwrap_or(false),
        youtube: tighten.youtube.as_deref().copied().map(Into::into).unwrap_or_default(),
        default_block: tighten.default.is_some(),
        shut: traffic::ways(&tighten.close_ways),
        block_files: traffic::kinds(&tighten.block_files),
    }
}

fn later_tightening(tighten: &SchoolTightening) -> Tightening {
    Tightening {
        block: categories(&tighten.block),
        deny: entries(&tighten.deny, Origin::School),
        closed: tighten.window.iter().filter_map(window).collect(),
        shut: traffic::ways(&tighten.close_ways),
        block_files: traffic::kinds(&tighten.block_files),
        ..Tightening::default()
    }
}

fn categories(names: &[At<CategoryName>]) -> CategorySet {
    names.iter().map(|name| name.0).collect()
}

fn entries(entries: &[EntryFile], from: Origin) -> Vec<Entry> {
    let entry = |entry: &EntryFile| Entry {
        host: entry.host.0.clone(),
        path: entry.path.as_ref().map(|path| path.0.as_str().into()),
        text: format!("{}{}", entry.host.0, entry.path.as_ref().map_or("", |path| path.0.as_str())).into(),
        why: entry.why.as_str().into(),
        from,
    };
    entries.iter().map(entry).collect()
}

fn bypass(bypass: &BypassFile) -> Entry {
    Entry {
        host: bypass.host.0.clone(),
        path: None,
        text: bypass.host.0.to_string().into(),
        why: bypass.why.as_str().into(),
        from: Origin::School,
    }
}

/// A window as a value; `None` when it does not do one thing, which the checks reported.
fn window(window: &WindowFile) -> Option<Window> {
    let effect = match (&window.open, &window.close, &window.close_everything) {
        (Some(open), None, None) => WindowEffect::Open(categories(open)),
        (None, Some(close), None) => WindowEffect::Close(categories(close)),
        (None, None, Some(_)) => WindowEffect::CloseEverything,
        _ => return None,
    };
    let days = super::choices::DayChoice::ALL.iter().map(|day| window.days.contains(day)).collect::<Vec<_>>();
    Some(Window {
        name: window.name.as_str().into(),
        days: days.try_into().ok()?,
        from_minute: window.from.0,
        until_minute: window.until.0,
        effect,
    })
}

fn list(list: &ListFile) -> ListSource {
    let folders = list.folders.iter().map(|(folder, category)| (Arc::from(folder.as_str()), category.0));
    ListSource {
        id: ListId::new(list.id.0.as_str()),
        name: list.name.as_str().into(),
        format: list.format.into(),
        source: list.source.as_str().into(),
        category: list.category.as_ref().map(|category| category.0),
        folders: folders.collect::<Vec<(Arc<str>, Category)>>(),
        subscription: subscription(list),
    }
}

fn subscription(list: &ListFile) -> Subscription {
    Subscription {
        refresh_hours: list.refresh_hours,
        credentials: list.credentials.as_ref().map(|name| name.0.as_str().into()),
        sha256: list.sha256.as_ref().and_then(|hash| bytes_of(&hash.0)),
        minisign_key: list.minisign_key.as_ref().map(|key| key.0.as_str().into()),
        most_new_names: list.most_new_names,
        test_address: list.test_address.as_ref().map(|address| address.0.as_str().into()),
        rewrites: list.rewrites.as_ref().is_some_and(|rewrites| **rewrites),
    }
}

/// The bytes of a hash that was checked.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn facts(edition: EditionFile, settings: Option<&SettingsFile>, edition_hash: PolicyHash) -> Facts {
    Facts {
        edition_hash,
        edition: edition.edition,
        settings: settings.map(|settings| settings.settings.clone()),
        bounds: edition.bounds,
        retention: edition.retention,
        passwords: edition.passwords,
        lockout: edition.lockout,
        access: edition.access,
        filtering: edition.filtering,
        monitoring: edition.monitoring,
        alerts: edition.alerts,
        devices: edition.devices,
        media: edition.media,
        backups: edition.backups,
        disposal: edition.disposal,
        training: edition.training,
        ai: edition.ai,
        posts: edition.post,
        reviews: edition.review,
        documents: edition.document,
    }
}
