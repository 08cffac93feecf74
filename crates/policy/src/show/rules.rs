//! Who may reach what, in words: networks, groups, windows, lists.

use super::page::Block;
use crate::clauses::joined;
use crate::file::{DayChoice, Document, clock};
use crate::rules::{
    AddressUse, Entry, FileRules, GroupRules, InspectionSetting, ListFormat, Members, Network, Policy,
    SWITCHED, ScanRules, School, SignInWay, Subscription, Tightening, TrafficRules, Unscanned, UploadRules,
    Window, WindowEffect, YouTube,
};
use model::{CategorySet, DeviceKind, FileKind, Outcome, WayRound};
use std::collections::BTreeSet;

pub(crate) fn blocks(document: &Document) -> Vec<Block> {
    let policy = &document.policy;
    let mut blocks = vec![Block::heading(2, "Networks"), networks(policy)];
    blocks.push(Block::heading(2, "Who may reach what"));
    blocks.push(Block::paragraph(
        "Illegal content is blocked for everybody, before anything below. A learner is in the first group with their \
         year, an adult in the first with their role. Somebody who is not known gets the denials of all people's \
         groups at once.",
    ));
    for group in &policy.groups {
        blocks.extend(group_blocks(group, policy));
    }
    blocks.push(Block::heading(2, "Lists"));
    blocks.push(lists(policy));
    blocks.push(Block::heading(2, "Never opened"));
    blocks.push(Block::paragraph(
        "Connections to these hosts, and to everything below them, are decided by name and passed on unread, for \
         everybody.",
    ));
    blocks.push(entries("Hosts never opened", &policy.bypass));
    blocks
}

fn networks(policy: &Policy) -> Block {
    let rows = policy.networks.iter().map(|network| {
        let school = policy.schools.iter().find(|school| school.id == network.school);
        let ranges: Vec<String> = network.ranges.iter().map(ToString::to_string).collect();
        let unknown =
            network.group.as_ref().and_then(|id| policy.groups.iter().find(|group| group.id == *id));
        [
            network.id.to_string(),
            school.map_or_else(String::new, |school| school.name.to_string()),
            joined(&ranges),
            unknown.map_or_else(|| "Every group's denials".to_owned(), |group| group.name.to_string()),
            known_how(network).to_owned(),
        ]
    });
    let columns = ["Network", "School", "Addresses", "Rules for people who are not known", "Sign-in"];
    Block::table("Networks, narrowest first", columns, rows.collect())
}

fn known_how(network: &Network) -> &'static str {
    match (network.sign_in, network.addresses) {
        (SignInWay::Proxy, _) => "The proxy asks each connection",
        (_, AddressUse::Shared) => "Addresses are shared: nobody is known by one",
        (SignInWay::Portal, _) => "Led to the sign-in page",
        (SignInWay::Page, _) => "On the sign-in page",
    }
}

fn group_blocks(group: &GroupRules, policy: &Policy) -> Vec<Block> {
    let mut points = vec![
        format!("Who: {}.", members(&group.members)),
        match group.default {
            Outcome::Allow => "What nothing below speaks of is allowed.".to_owned(),
            Outcome::Block => "What nothing below speaks of is blocked.".to_owned(),
        },
        format!("Blocked categories: {}.", categories(group.block)),
    ];
    if !group.allow_categories.is_empty() {
        points.push(format!("Allowed categories: {}.", categories(group.allow_categories)));
    }
    points.extend(group.windows.iter().map(window));
    points.push(
        if group.safe_search {
            "Search engines are held to their safe form."
        } else {
            "Search engines are left as they are."
        }
        .to_owned(),
    );
    points.push(youtube(group.youtube).to_owned());
    points.push(inspection(group.inspection).to_owned());
    points.extend(traffic(&group.traffic));
    let mut blocks = vec![Block::heading(3, &*group.name), Block::Points(points)];
    if !group.allow.is_empty() {
        blocks.push(entries(&format!("{}: allowed whatever their category", group.name), &group.allow));
    }
    if !group.deny.is_empty() {
        blocks.push(entries(&format!("{}: denied", group.name), &group.deny));
    }
    for (at, added) in &group.tightened {
        let school = policy.schools.iter().find(|school| school.id == *at);
        blocks.extend(tightened(added, school, group));
    }
    blocks
}

fn tightened(added: &Tightening, school: Option<&School>, group: &GroupRules) -> Vec<Block> {
    let school = school.map_or("", |school| &*school.name);
    let mut points = Vec::new();
    if added.default_block {
        points.push("What nothing speaks of is blocked.".to_owned());
    }
    if !added.block.is_empty() {
        points.push(format!("Further blocked categories: {}.", categories(added.block)));
    }
    points.extend(added.closed.iter().map(window));
    if added.safe_search {
        points.push("Search engines are held to their safe form.".to_owned());
    }
    if added.youtube != YouTube::Off {
        points.push(youtube(added.youtube).to_owned());
    }
    if !added.shut.is_empty() {
        points.push(format!("Further ways round the filter that are closed: {}.", ways(&added.shut)));
    }
    if !added.block_files.is_empty() {
        points.push(format!("Further kinds of files that are not fetched: {}.", kinds(&added.block_files)));
    }
    let mut blocks = vec![Block::paragraph(format!("{school} tightens this for {}:", group.name))];
    if !points.is_empty() {
        blocks.push(Block::Points(points));
    }
    if !added.deny.is_empty() {
        blocks.push(entries(&format!("{}: denied at {school}", group.name), &added.deny));
    }
    blocks
}

fn members(members: &Members) -> String {
    let roles = members.roles.iter().map(|role| role.title().to_lowercase());
    let years = members.years.iter().map(|year| match year.to_string().as_str() {
        "N" => "nursery".to_owned(),
        "R" => "reception".to_owned(),
        number => format!("Year {number}"),
    });
    let kinds = members.equipment.iter().map(|kind| equipment(*kind).to_owned());
    match years.chain(roles).chain(kinds).collect::<Vec<_>>() {
        nobody if nobody.is_empty() => "whoever a network puts here".to_owned(),
        some => joined(&some),
    }
}

fn equipment(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Workstation => "workstations",
        DeviceKind::Server => "servers",
        DeviceKind::Printer => "printers",
        DeviceKind::Other => "other equipment",
    }
}

fn categories(set: CategorySet) -> String {
    let mut titles: Vec<String> = set.iter().map(|category| category.title().to_owned()).collect();
    titles.sort();
    match titles.as_slice() {
        [] => "none".to_owned(),
        some => some.join("; "),
    }
}

fn window(window: &Window) -> String {
    let days: Vec<String> = match window.days {
        [true, true, true, true, true, true, true] => vec!["every day".to_owned()],
        [true, true, true, true, true, false, false] => vec!["Monday to Friday".to_owned()],
        days => DayChoice::ALL
            .iter()
            .zip(days)
            .filter(|(_, on)| *on)
            .map(|(day, _)| day.words().to_owned())
            .collect(),
    };
    let effect = match window.effect {
        WindowEffect::Open(open) => format!("these open: {}", categories(open)),
        WindowEffect::Close(closed) => format!("these close: {}", categories(closed)),
        WindowEffect::CloseEverything => "everything is closed".to_owned(),
    };
    let (from, until) = (clock(window.from_minute), clock(window.until_minute));
    format!("\u{201c}{}\u{201d}, {}, {from} to {until}: {effect}.", window.name, joined(&days))
}

fn youtube(youtube: YouTube) -> &'static str {
    match youtube {
        YouTube::Off => "YouTube is left as it is.",
        YouTube::Moderate => "YouTube is held to its moderate restricted mode.",
        YouTube::Strict => "YouTube is held to its strict restricted mode.",
    }
}

fn inspection(inspection: InspectionSetting) -> &'static str {
    match inspection {
        InspectionSetting::On => {
            "Encrypted connections are opened and read, but for the hosts named further down."
        }
        InspectionSetting::Off => {
            "Encrypted connections pass unread, but where illegal content is suspected."
        }
        InspectionSetting::Never => {
            "Encrypted connections are never opened: these devices do not carry the school's certificate."
        }
    }
}

/// What connections may carry.
fn traffic(rules: &TrafficRules) -> Vec<String> {
    let open: BTreeSet<WayRound> = SWITCHED.into_iter().filter(|way| !rules.shut.contains(way)).collect();
    let mut points = vec![match open.is_empty() {
        true => "Ways round the filter: all are closed.".to_owned(),
        false => format!("Ways round the filter that are open: {}. The others are closed.", ways(&open)),
    }];
    points.extend(rules.tenants.iter().map(|tenant| {
        let service = tenant.service.title();
        match joined(&tenant.allowed.iter().map(ToString::to_string).collect::<Vec<_>>()) {
            nobody if nobody.is_empty() => format!("Closed: {service}."),
            accounts => format!("{service} is open for these accounts alone: {accounts}."),
        }
    }));
    let FileRules { block, except } = &rules.files;
    if !block.is_empty() {
        let except = match except.is_empty() {
            true => String::new(),
            false => format!(", but from {}", categories(*except)),
        };
        points.push(format!("Files that are not fetched: {}{except}.", kinds(block)));
    }
    let UploadRules { block, deny, block_files, most_bytes } = &rules.uploads;
    if !block.is_empty() {
        points.push(format!("Nothing is uploaded to: {}.", categories(*block)));
    }
    if !deny.is_empty() {
        let hosts: Vec<String> = deny.iter().map(ToString::to_string).collect();
        points.push(format!("Nothing is uploaded to these hosts: {}.", joined(&hosts)));
    }
    if !block_files.is_empty() {
        points.push(format!("Files that are not uploaded: {}.", kinds(block_files)));
    }
    points.extend(most_bytes.map(|bytes| format!("An upload has at most {} MiB.", bytes / (1024 * 1024))));
    points.extend(scan(&rules.scan));
    points
}

/// What is scanned for malware, where that is not what the program does by itself.
fn scan(rules: &ScanRules) -> Option<String> {
    if *rules == ScanRules::default() {
        return None;
    }
    let what = match (rules.downloads, rules.uploads) {
        (false, false) => return Some("Nothing is scanned for malware.".to_owned()),
        (true, false) => "downloads are",
        (false, true) => "uploads are",
        (true, true) => "downloads and uploads are",
    };
    let unscanned = |choice| match choice {
        Unscanned::Allow => "let through",
        Unscanned::RefuseRisky => "refused where it can do harm by being opened",
        Unscanned::Refuse => "refused",
    };
    Some(format!(
        "Where the gate has a malware scanner, {what} scanned up to {} MiB. What is larger is {}; what the scanner does not answer for is {}.",
        rules.most_bytes / (1024 * 1024),
        unscanned(rules.larger),
        unscanned(rules.unanswered)
    ))
}

fn ways(ways: &BTreeSet<WayRound>) -> String {
    joined(&ways.iter().map(|way| way.title().to_owned()).collect::<Vec<_>>())
}

fn kinds(kinds: &BTreeSet<FileKind>) -> String {
    joined(&kinds.iter().map(|kind| kind.title().to_owned()).collect::<Vec<_>>())
}

fn entries(caption: &str, entries: &[Entry]) -> Block {
    let rows = entries.iter().map(|entry| [entry.text.to_string(), entry.why.to_string()]);
    Block::table(caption, ["Host", "Why"], rows.collect())
}

fn lists(policy: &Policy) -> Block {
    let rows = policy.lists.iter().map(|list| {
        let folders: Vec<String> = list
            .folders
            .iter()
            .map(|(folder, category)| format!("{folder} as {}", category.title()))
            .collect();
        let meaning = match (&list.category, folders.is_empty()) {
            (Some(category), _) => category.title().to_owned(),
            (None, false) => joined(&folders),
            (None, true) => "Each part names its own category".to_owned(),
        };
        let kept = kept(&list.subscription);
        [list.name.to_string(), format(list.format).to_owned(), list.source.to_string(), meaning, kept]
    });
    Block::table("Lists", ["List", "Written as", "From", "Category", "Kept up to date"], rows.collect())
}

/// How a list is fetched and proved, in words; what a file of credentials holds is no part of a policy.
fn kept(subscription: &Subscription) -> String {
    let Subscription {
        refresh_hours,
        credentials,
        sha256,
        minisign_key,
        most_new_names,
        test_address,
        rewrites,
    } = subscription;
    let words = [
        refresh_hours.map(|hours| match hours {
            1 => "looked at every hour".to_owned(),
            hours => format!("looked at every {hours} hours"),
        }),
        credentials.as_ref().map(|name| format!("opened by the credentials \u{201c}{name}\u{201d}")),
        sha256.map(|_| "one content alone is taken, by its SHA-256".to_owned()),
        minisign_key.as_ref().map(|_| "taken where its keeper's signature is right".to_owned()),
        most_new_names.map(|most| format!("at most {most} new names at once")),
        test_address.as_ref().map(|_| "tested by an address that it must block".to_owned()),
        rewrites.then(|| "may send names to addresses and names of its own".to_owned()),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let mut text =
        if words.is_empty() { "as the gate looks at all lists".to_owned() } else { words.join("; ") };
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn format(format: ListFormat) -> &'static str {
    match format {
        ListFormat::Domains => "Names, each with all below it",
        ListFormat::DomainsExact => "Names, each alone",
        ListFormat::Hosts => "A hosts file",
        ListFormat::AdGuard => "AdGuard DNS rules",
        ListFormat::Dnsmasq => "dnsmasq lines",
        ListFormat::Unbound => "Unbound local zones",
        ListFormat::Rpz => "A response policy zone",
        ListFormat::Urls => "Addresses of pages",
        ListFormat::Addresses => "Addresses and ranges",
        ListFormat::Csv => "Comma-separated values",
        ListFormat::Hashes => "Hashes of hosts and pages",
        ListFormat::Ut1 => "A tree of categories",
        ListFormat::Starter => "The lists that ship with Schoolgate",
    }
}
