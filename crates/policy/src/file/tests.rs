//! Documents as a whole: the shipped ones read, and every kind of mistake is told at its place.

use super::*;
use crate::rules::{
    InspectionSetting, Origin, SWITCHED, ScanRules, TenantService, Unscanned, Watching, WindowEffect, YouTube,
};
use model::{Category, FileKind, Host, Language, Outcome, Theme, WayRound};
use proptest::prelude::*;

const FIRST_SCHOOL: &str = include_str!("../../../../policies/first-school.toml");
const FIRST_SCHOOL_SETTINGS: &str = include_str!("../../../../policies/first-school.settings.toml");
const TRUST: &str = include_str!("../../../../policies/trust.toml");
const SCHEMA: &str = include_str!("../../../../policies/policy.schema.json");

fn edition(text: &str) -> Result<Document, Vec<Problem>> {
    read(&SourceText { name: "e.toml", text }, None)
}

fn with_settings(text: &str) -> Result<Document, Vec<Problem>> {
    let settings = SourceText { name: "s.toml", text };
    read(&SourceText { name: "e.toml", text: FIRST_SCHOOL }, Some(&settings))
}

/// The first school's edition with one piece of text replaced by another.
fn first_school_with(old: &str, new: &str) -> String {
    assert!(FIRST_SCHOOL.contains(old), "{old}");
    FIRST_SCHOOL.replacen(old, new, 1)
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// Each case: what is written in place of what, and what must be said of it.
fn each_is_told(base: &str, cases: &[(&str, &str, &[&str])]) {
    for (old, new, said) in cases {
        assert!(base.contains(old), "the case {old:?} is out of date");
        let text = base.replacen(old, new, 1);
        let problems = match edition(&text) {
            Ok(document) => document.warnings,
            Err(problems) => problems,
        };
        let all = lines(&problems);
        for part in *said {
            assert!(all.contains(part), "{new:?}: expected {part:?} in\n{all}");
        }
    }
}

#[test]
fn the_shipped_policies_have_neither_mistake_nor_warning() {
    for text in [FIRST_SCHOOL, TRUST] {
        let document = edition(text).map_err(|problems| lines(&problems)).unwrap();
        assert_eq!(lines(&document.warnings), "");
    }
    let document = with_settings(FIRST_SCHOOL_SETTINGS).map_err(|problems| lines(&problems)).unwrap();
    assert_eq!(lines(&document.warnings), "");
}

#[test]
fn the_first_school_says_what_it_was_written_to_say() {
    let document = edition(FIRST_SCHOOL).unwrap();
    let policy = &document.policy;
    assert_eq!(policy.hash.as_str().len(), 64);
    assert_eq!(policy.hash, document.facts.edition_hash);
    assert_eq!(document.facts.retention.access_log_days, 365);
    let group = |id: &str| policy.groups.iter().find(|group| group.id.as_str() == id).unwrap();
    assert_eq!(group("infants").default, Outcome::Block);
    assert!(group("infants").allow_categories.contains(Category::parse("education").unwrap()));
    let upper = group("upper-ks2");
    let games = Category::parse("games").unwrap();
    assert!(upper.block.contains(games));
    assert!(matches!(upper.windows[0].effect, WindowEffect::Open(open) if open.contains(games)));
    assert_eq!((upper.windows[0].from_minute, upper.windows[0].until_minute), (730, 780));
    assert_eq!(upper.windows[0].days, [true, true, true, true, true, false, false]);
    assert_eq!(group("guests").inspection, InspectionSetting::Never);
    assert!(policy.groups.iter().all(|group| !group.block.contains(Category::ILLEGAL)));
    let this_machine = policy.networks.iter().find(|network| network.id.as_str() == "this-machine").unwrap();
    assert_eq!(this_machine.group, None);
}

#[test]
fn a_trust_denies_above_its_schools_and_its_inner_networks_come_first() {
    let policy = edition(TRUST).unwrap().policy;
    let upper = policy.groups.iter().find(|group| group.id.as_str() == "upper-ks2").unwrap();
    assert!(upper.deny.iter().all(|entry| entry.from == Origin::Trust));
    let (school, tightening) = &upper.tightened[0];
    assert_eq!(school.as_str(), "ashbrook");
    assert_eq!(tightening.youtube, YouTube::Strict);
    assert!(tightening.deny.iter().all(|entry| entry.from == Origin::School));
    let place = |id: &str| policy.networks.iter().position(|network| network.id.as_str() == id).unwrap();
    assert!(place("whitestone-guests") < place("whitestone-school"));
}

#[test]
fn a_settings_revision_adds_to_its_edition_and_has_its_part_in_the_hash() {
    let alone = edition(FIRST_SCHOOL).unwrap();
    let both = with_settings(FIRST_SCHOOL_SETTINGS).unwrap();
    assert_ne!(alone.policy.hash, both.policy.hash);
    assert_eq!(alone.facts.edition_hash, both.facts.edition_hash);
    let upper = both.policy.groups.iter().find(|group| group.id.as_str() == "upper-ks2").unwrap();
    let denied = Host::parse("poki.com").unwrap();
    assert!(upper.deny.iter().any(|entry| entry.host == denied));
    assert!(upper.windows.iter().any(|window| window.until_minute == 1440));
}

#[test]
fn mistakes_of_structure_and_of_names_are_told_with_the_nearest_right_name() {
    each_is_told(
        FIRST_SCHOOL,
        &[
            (
                "access_log_days",
                "acess_log_days",
                &[
                    "unknown key `acess_log_days`; did you mean `access_log_days`?",
                    "`access_log_days` here (pages, searches",
                ],
            ),
            (
                "youtube = \"strict\"",
                "youtube = \"strictest\"",
                &["one of off, moderate, strict", "did you mean `strict`?"],
            ),
            (
                "safe_search = true",
                "safe_search = \"yes\"",
                &["expected true or false, found the text \"yes\""],
            ),
            ("\"gambling\",", "\"gamblign\",", &["expected a category", "did you mean `gambling`?"]),
            ("\"gambling\",", "\"illegal\",", &["illegal content is always blocked", "by no setting"]),
            (
                "group = \"guests\"",
                "group = \"guest\"",
                &["the id of a group of the edition, found \"guest\"; did you mean `guests`?"],
            ),
            ("school = \"larkfield\"", "school = \"larkfeild\"", &["did you mean `larkfield`?"]),
            ("\"10.20.0.0/20\"", "\"10.20.1.0/20\"", &["did you mean `10.20.0.0/20`?"]),
            ("host = \"www.bbc.co.uk\"", "host = \"münchen.example\"", &["xn--mnchen-3ya.example"]),
            ("from = \"12:10\"", "from = \"12.10\"", &["a time of day"]),
            (
                "time_zone = \"Europe/London\"",
                "time_zone = \"Europe/Lundon\"",
                &["did you mean `Europe/London`?"],
            ),
            ("access_log_days = 365", "access_log_days = 0", &["expected 1 to 3650, found 0"]),
            ("review_on = \"2027-09-13\"", "review_on = \"soon\"", &["a date such as"]),
            ("title = \"Technical", "title = 7 #", &["expected a text in quotes, found the number 7"]),
            ("id = \"staff-room\"", "id = \"classrooms\"", &["an id that no other network has"]),
            ("[retention]", "[retention", &[": error: expected TOML"]),
            ("access_log_days = 365", "access_log_days = 0x0", &["expected 1 to 3650"]),
            ("approved_on = \"2026-09-14\"", "approved_on = 2026-09-14T10:00:00Z", &["a date such as"]),
        ],
    );
}

#[test]
fn mistakes_that_take_more_than_one_value_are_told_too() {
    each_is_told(
        FIRST_SCHOOL,
        &[
            (
                "ranges = [\"10.20.16.0/22\"]",
                "ranges = [\"10.20.0.0/20\"]",
                &["a range that no other network has"],
            ),
            ("until = \"13:00\"", "until = \"12:00\"", &["a time after 12:10"]),
            (
                "open = [\"games\"]",
                "open = [\"games\"]\nclose_everything = true",
                &["one of `open`, `close` and `close_everything`", "more than one"],
            ),
            (
                "years = [\"1\", \"2\"]",
                "years = [\"1\", \"R\"]",
                &[
                    "warning: expected year group R in one group",
                    "a group whose members include year group 2",
                ],
            ),
            (
                "roles = [\"guest\"]",
                "roles = []",
                &["error: expected a group whose members include the role guest"],
            ),
            (
                "roles = [\"guest\"]",
                "roles = [\"guest\"], equipment = [\"other\"]",
                &["equipment in a group of its own"],
            ),
            (
                "host = \"scratch.mit.edu\"",
                "host = \"co.uk\"",
                &["warning: expected a host below a public suffix"],
            ),
            ("source = \"starter\"", "source = \"gopher://x\"", &["the source \"starter\"", "https://"]),
            (
                "format = \"starter\"",
                "format = \"domains\"",
                &["`category`: what the names of this list mean"],
            ),
            (
                "[[list]]\nid = \"starter\"\nname = \"Starter lists\"\nformat = \"starter\"\nsource = \"starter\"\n",
                "",
                &["warning: expected a list, such as the starter lists", "only entries decide"],
            ),
            ("at = \"school\"", "at = \"trust\"", &["since there is no trust"]),
            ("role = \"governor\"", "role = \"guest\"", &["a required post for the role governor"]),
        ],
    );
}

/// The first school's list, written in this way instead.
fn with_list(list: &str) -> Result<Document, Vec<Problem>> {
    let starter = "format = \"starter\"\nsource = \"starter\"\n";
    edition(&first_school_with(starter, list))
}

#[test]
fn a_list_says_how_it_is_fetched_and_proved() {
    let key = "RWAbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQr";
    let hash = "0123456789abcdef".repeat(4);
    let document = with_list(&format!(
        "format = \"urls\"\nsource = \"https://lists.example/urls\"\ncategory = \"illegal\"\nrefresh_hours = 6\n\
         credentials = \"member-list\"\nsha256 = \"{hash}\"\nminisign_key = \"{key}\"\nmost_new_names = 500\n\
         test_address = \"test.example/page\"\n"
    ));
    let document = document.unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    let list = &document.policy.lists[0];
    assert_eq!(list.category, Some(Category::ILLEGAL));
    let subscription = &list.subscription;
    assert_eq!((subscription.refresh_hours, subscription.most_new_names), (Some(6), Some(500)));
    assert_eq!(subscription.credentials.as_deref(), Some("member-list"));
    assert_eq!(subscription.sha256.unwrap()[..2], [0x01, 0x23]);
    assert_eq!(subscription.minisign_key.as_deref(), Some(key));
    assert_eq!(subscription.test_address.as_deref(), Some("test.example/page"));
    let page = crate::show::text(&document);
    assert!(page.contains("Looked at every 6 hours; opened by the credentials"), "{page}");
    assert!(!page.contains("test.example"), "{page}");
}

#[test]
fn a_list_rewrites_where_the_policy_says_so_alone() {
    let zone = "format = \"rpz\"\nsource = \"zone.txt\"\ncategory = \"games\"\n";
    for (key, expected) in [("", false), ("rewrites = false\n", false), ("rewrites = true\n", true)] {
        let document = with_list(&format!("{zone}{key}"));
        let document = document.unwrap_or_else(|problems| panic!("{}", lines(&problems)));
        assert_eq!(document.policy.lists[0].subscription.rewrites, expected);
        assert_eq!(crate::show::text(&document).contains("ay send names to addresses"), expected);
    }
}

#[test]
fn a_list_that_cannot_be_fetched_or_proved_as_it_says_is_told_why() {
    let domains = "format = \"domains\"\ncategory = \"games\"\n";
    for (list, said) in [
        (format!("{domains}source = \"https://anna:pass@lists.example/\"\n"), "without a name or password"),
        (format!("{domains}source = \"rpz://dns.example/rpz.example\"\n"), "begins with https:// or http://"),
        (
            format!("{domains}source = \"http://lists.example/\"\ncredentials = \"a\"\n"),
            "they go nowhere else",
        ),
        (format!("{domains}source = \"https://lists.example/\"\ncredentials = \"../a\"\n"), "a short name"),
        (format!("{domains}source = \"https://lists.example/\"\nrefresh_hours = 0\n"), "1 to 744"),
        (format!("{domains}source = \"https://lists.example/\"\nsha256 = \"abc\"\n"), "a SHA-256"),
        (format!("{domains}source = \"https://lists.example/\"\nminisign_key = \"RW\"\n"), "begin with RW"),
        (
            format!("{domains}source = \"https://lists.example/\"\ntest_address = \"https://a.example\"\n"),
            "did you mean `a.example`?",
        ),
        (
            format!("format = \"starter\"\nsource = \"starter\"\nsha256 = \"{}\"\n", "ab".repeat(32)),
            "a proof for one file alone",
        ),
        (format!("{domains}source = \"a.txt\"\nrewrites = true\n"), "adguard or rpz alone"),
        (
            "format = \"adguard\"\nsource = \"https://lists.example/\"\ncategory = \"illegal\"\n".to_owned(),
            "a list of illegal content in one of domains,",
        ),
        (
            "format = \"ut1\"\nsource = \"https://lists.example/\"\nfolders = { adult = \"illegal\" }\n"
                .to_owned(),
            "illegal content is always blocked",
        ),
        (
            "format = \"rpz\"\nsource = \"rpz://dns.example/\"\ncategory = \"games\"\n".to_owned(),
            "or rpz://SERVER/ZONE",
        ),
    ] {
        let problems = with_list(&list).unwrap_err();
        assert!(lines(&problems).contains(said), "{list}\n{}", lines(&problems));
    }
    let zone = "format = \"rpz\"\nsource = \"rpz://dns.example:5353/rpz.example\"\ncategory = \"malware\"\ncredentials = \"key\"\n";
    assert!(with_list(zone).is_ok());
}

#[test]
fn a_school_of_a_trust_cannot_loosen_and_is_told_why() {
    let why = "never loosen";
    each_is_told(
        TRUST,
        &[
            (
                "youtube = \"strict\"\n\n[[school.tighten.deny]]",
                "youtube = \"off\"\n\n[[school.tighten.deny]]",
                &[why, "one of moderate, strict"],
            ),
            ("safe_search = true", "safe_search = false", &[why]),
            ("safe_search = true", "default = \"allow\"", &["expected \"block\"", why]),
            (
                "safe_search = true",
                "allow_categories = [\"games\"]",
                &["unknown key `allow_categories`", why],
            ),
            (
                "close = [\"social-media\", \"games\", \"video-streaming\"]",
                "open = [\"games\"]",
                &[why, "a window that opens"],
            ),
            ("trust = \"Whitestone Valley Learning Trust\"", "", &["a lone school has no baseline"]),
        ],
    );
}

#[test]
fn every_mistake_is_told_in_one_go_in_the_order_of_the_file() {
    let text = first_school_with("access_log_days", "acess_log_days")
        .replacen("\"gambling\",", "\"gamblign\",", 1)
        .replacen("until = \"13:00\"", "until = \"12:00\"", 1)
        .replacen("from = \"12:00\"", "from = \"noon\"", 1)
        .replacen("[lockout]", "[lockuot]", 1);
    let problems = edition(&text).unwrap_err();
    let errors: Vec<&Problem> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 7, "{}", lines(&problems));
    assert!(errors.is_sorted_by_key(|problem| problem.line));
    let line = text.lines().position(|line| line.contains("gamblign")).unwrap() + 1;
    assert_eq!(errors[1].line, line);
    assert_eq!(text.lines().nth(line - 1).unwrap().find("\"gamblign\"").unwrap() + 1, errors[1].column);
}

#[test]
fn settings_outside_the_bounds_are_refused() {
    for (old, new, said) in [
        (
            "approved_by = \"headteacher\"",
            "approved_by = \"technician\"",
            "approval for further allow entries by one of headteacher",
        ),
        (
            "close_everything = true",
            "open = [\"dating\"]",
            "a category that the edition's bounds let a window open",
        ),
        ("edition_version = \"1.0\"", "edition_version = \"1.1\"", "did you mean `1.0`?"),
        (
            "id = \"upper-ks2\"",
            "id = \"upper-ks2\"\nsafe_search = false",
            "anything else needs a new edition",
        ),
        ("[settings]", "[edition]", "expected a settings revision"),
    ] {
        assert!(FIRST_SCHOOL_SETTINGS.contains(old), "{old}");
        let problems = with_settings(&FIRST_SCHOOL_SETTINGS.replacen(old, new, 1)).unwrap_err();
        let all = lines(&problems);
        assert!(all.contains(said), "{new:?}: {all}");
        assert!(problems.iter().all(|problem| problem.file == "s.toml"));
    }
    let other = first_school_with("version = \"1.0\"", "version = \"1.2\"");
    let settings = SourceText { name: "s.toml", text: FIRST_SCHOOL_SETTINGS };
    let problems = read(&SourceText { name: "e.toml", text: &other }, Some(&settings)).unwrap_err();
    assert!(lines(&problems).contains("the SHA-256 of the edition's bytes"));
}

#[test]
fn a_settings_revision_lets_no_list_send_people_elsewhere() {
    let list = |rewrites: bool| {
        format!(
            "{FIRST_SCHOOL_SETTINGS}\n[[list]]\nid = \"more\"\nname = \"More\"\nformat = \"adguard\"\n\
             source = \"more.txt\"\ncategory = \"games\"\nrewrites = {rewrites}\n"
        )
    };
    assert!(with_settings(&list(false)).is_ok());
    let problems = with_settings(&list(true)).unwrap_err();
    assert!(lines(&problems).contains("`rewrites` in an edition alone"), "{}", lines(&problems));
}

#[test]
fn a_settings_revision_of_a_trust_tightens_for_one_school() {
    let hash = edition(TRUST).unwrap().facts.edition_hash;
    let settings = format!(
        r#"
[settings]
edition_title = "Technical security policy of Whitestone Valley Learning Trust"
edition_version = "2.0"
edition_hash = "{hash}"
revision = 1
author = "online-safety-lead"
approved_by = "headteacher"
approved_on = "2026-11-16"
why = "A quiet November."

[[tighten]]
school = "whitestone"
group = "ks4"
block = ["music-audio"]
"#
    );
    let trust = SourceText { name: "e.toml", text: TRUST };
    let added = |text: &str| read(&trust, Some(&SourceText { name: "s.toml", text }));
    let policy = added(&settings).map_err(|problems| lines(&problems)).unwrap().policy;
    let group = policy.groups.iter().find(|group| group.id.as_str() == "ks4").unwrap();
    let (school, tightening) = &group.tightened[0];
    assert_eq!(school.as_str(), "whitestone");
    assert!(tightening.block.contains(Category::parse("music-audio").unwrap()));
    assert!(!group.block.contains(Category::parse("music-audio").unwrap()));
    let loosened = settings.replace("block =", "allow =");
    assert!(lines(&added(&loosened).unwrap_err()).contains("never loosen"));
}

#[test]
fn numbers_and_dates_are_read_in_each_form_that_toml_has() {
    for (old, new) in [
        ("access_log_days = 365", "access_log_days = 0x16d"),
        ("access_log_days = 365", "access_log_days = 3_65"),
        ("approved_on = \"2026-09-14\"", "approved_on = 2026-09-14"),
        ("years = [\"3\", \"4\"]", "years = [3, 4]"),
    ] {
        let document = edition(&first_school_with(old, new)).map_err(|problems| lines(&problems)).unwrap();
        assert_eq!(document.facts.retention.access_log_days, 365);
        assert_eq!(lines(&document.warnings), "");
    }
}

#[test]
fn a_document_with_very_many_mistakes_is_answered_with_the_first_thousand() {
    let many: String = (0..30_000).map(|at| format!("[[group]]\nid = \"g{at}\"\nstag = \"x\"\n")).collect();
    let problems = edition(&format!("[edition]\n{many}")).unwrap_err();
    assert_eq!(problems.len(), 1_000);
}

#[test]
fn a_date_that_has_passed_is_told_only_once_it_has() {
    let document = edition(FIRST_SCHOOL).unwrap();
    assert_eq!(document.overdue("2026-11-22".parse().unwrap()), []);
    let late = document.overdue("2027-09-14".parse().unwrap());
    assert!(late.iter().any(|problem| problem.expected.contains("this edition's review")));
    assert!(late.iter().all(|problem| problem.severity == Severity::Warning && problem.line > 1));
}

#[test]
fn a_document_that_is_too_long_or_too_deep_or_of_the_other_kind_is_refused() {
    let long = "#".repeat(MAX_DOCUMENT_BYTES + 1);
    let deep = format!("a = {}", "[".repeat(100_000));
    for (text, said) in [
        (long.as_str(), "at most 4194304 bytes"),
        (deep.as_str(), "expected TOML"),
        (FIRST_SCHOOL_SETTINGS, "expected an edition, with a table [edition], found [settings]"),
        ("", "neither [edition] nor [settings]"),
    ] {
        let problems = edition(text).unwrap_err();
        assert!(lines(&problems).contains(said), "{}", lines(&problems[..1]));
    }
}

#[test]
fn what_connections_carry_is_read_and_is_closed_where_nothing_is_said() {
    let policy = edition(FIRST_SCHOOL).unwrap().policy;
    let traffic = |id: &str| &policy.groups.iter().find(|group| group.id.as_str() == id).unwrap().traffic;
    assert_eq!(traffic("upper-ks2").shut, SWITCHED.into());
    assert!(!traffic("staff").shut.contains(&WayRound::AddressLiteral));
    assert!(traffic("staff").shut.contains(&WayRound::EncryptedHello));
    let upper = traffic("upper-ks2");
    assert!(
        upper.files.block.contains(&FileKind::Programs) && !upper.files.block.contains(&FileKind::Images)
    );
    assert!(upper.files.except.contains(Category::parse("software-updates").unwrap()));
    assert_eq!(upper.uploads.most_bytes, Some(200 * 1024 * 1024));
    assert_eq!(upper.tenants[0].service, TenantService::Microsoft);
    assert_eq!(upper.tenants[1].allowed, []);
}

#[test]
fn scanning_is_read_and_is_usual_where_nothing_is_said() {
    let scan = |text: &str| {
        let policy = edition(text).map_err(|problems| lines(&problems)).unwrap().policy;
        policy.groups.iter().find(|group| group.id.as_str() == "upper-ks2").unwrap().traffic.clone()
    };
    assert_eq!(scan(FIRST_SCHOOL).scan, ScanRules::default());
    let written = "files = { block = [\"programs\", \"installers\", \"scripts\", \"disk-images\", \"macro-documents\", \"torrents\"], except";
    let more = "scan = { uploads = \"off\", most_mib = 20, larger = \"refuse\", unanswered = \"refuse\" }\n";
    let asked = scan(&FIRST_SCHOOL.replace(written, &format!("{more}{written}")));
    let expected = ScanRules {
        uploads: false,
        most_bytes: 20 << 20,
        larger: Unscanned::Refuse,
        unanswered: Unscanned::Refuse,
        ..ScanRules::default()
    };
    assert_eq!(asked.scan, expected);
    let sends =
        scan(&FIRST_SCHOOL.replace("most_mib = 200 }", "block_files = [\"programs\"], most_mib = 200 }"));
    assert_eq!(sends.uploads.block_files, [FileKind::Programs].into());
}

#[test]
fn a_settings_revision_closes_ways_and_kinds_of_files_and_opens_none() {
    let more = FIRST_SCHOOL_SETTINGS.replacen(
        "id = \"upper-ks2\"\n",
        "id = \"upper-ks2\"\nclose_ways = [\"quic\"]\nblock_files = [\"archives\"]\n",
        1,
    );
    let policy = with_settings(&more).map_err(|problems| lines(&problems)).unwrap().policy;
    let upper = policy.groups.iter().find(|group| group.id.as_str() == "upper-ks2").unwrap();
    assert!(upper.traffic.shut.contains(&WayRound::Quic));
    assert!(upper.traffic.files.block.contains(&FileKind::Archives));
    let opened = more.replacen("close_ways = [\"quic\"]", "ways_round = { quic = \"open\" }", 1);
    assert!(lines(&with_settings(&opened).unwrap_err()).contains("unknown key `ways_round`"));
}

#[test]
fn mistakes_of_what_connections_carry_are_told() {
    each_is_told(
        FIRST_SCHOOL,
        &[
            (
                "address_literals = \"open\", translation",
                "adress_literals = \"open\", translation",
                &["unknown key `adress_literals`; did you mean `address_literals`?"],
            ),
            ("address_literals = \"open\"", "address_literals = \"ajar\"", &["one of open, closed"]),
            ("block = [\"programs\"", "block = [\"program\"", &["did you mean `programs`?"]),
            ("service = \"microsoft\"", "service = \"microsft\"", &["did you mean `microsoft`?"]),
            (
                "service = \"microsoft-personal\"",
                "service = \"microsoft\"",
                &[
                    "each service once in a group",
                    "`allowed` with at least one account",
                    "`own`, the school's id",
                ],
            ),
            (
                "service = \"microsoft-personal\"",
                "service = \"microsoft-personal\"\nallowed = [\"a.example\"]",
                &["private accounts can only be shut"],
            ),
            (
                "allowed = [\"larkfield.example\"]",
                "allowed = [\"larkfield\"]",
                &["a domain of the school's accounts, or the id of a directory"],
            ),
            ("own = \"5f0c6d3e-", "own = \"5f0c6d3e", &["the id of a directory"]),
            (
                "service = \"microsoft-personal\"",
                "service = \"google\"\nallowed = [\"larkfield.example\"]",
                &["accounts.google.com opened", "accounts.google.com among the hosts never opened"],
            ),
            (
                "service = \"microsoft-personal\"",
                "service = \"slack\"\nallowed = [\"larkfield\"]\nown = \"T0123ABCD\"",
                &["such as T0123ABCD, found \"larkfield\""],
            ),
            ("most_mib = 200", "most_mib = 0", &["1 to 1000000"]),
            (
                "files = { block = [\"torrents\"] }",
                "files = { except = [\"education\"] }",
                &["here it changes nothing"],
            ),
        ],
    );
}

#[test]
fn what_monitoring_looks_for_is_the_school_s_choice_and_a_mistake_in_it_says_what_there_is() {
    assert_eq!(edition(FIRST_SCHOOL).unwrap().policy.watching, Watching::default());
    let term = "[[monitoring.term]]\nwords = \"the bench lot\"\ntheme = \"bullying\"\nseverity = \"high\"\n\
                why = \"A name that some use of others.\"\n\n[alerts]\n";
    let own = edition(&first_school_with("[alerts]\n", term).replacen("\"en\", \"cy\"", "\"en\", \"pl\"", 1));
    let watching = own.map_err(|problems| lines(&problems)).unwrap().policy.watching;
    assert_eq!(watching.languages, [Language::English, Language::Polish]);
    let found = &watching.terms[0];
    assert_eq!(
        (&*found.words, found.theme, found.severity),
        ("the bench lot", Theme::Bullying, model::Severity::High)
    );
    let with_term = |words: &str| term.replacen("the bench lot", words, 1);
    let cases = [
        (
            "\"en\", \"cy\"",
            "\"en\", \"xx\"".to_owned(),
            "a language that monitoring has rules in: one of en, cy, ar, bn, fr",
        ),
        ("\"en\", \"cy\"", String::new(), "expected 1 to 16 entries, found 0"),
        ("[alerts]\n", term.replace("bullying", "bulying"), "did you mean `bullying`?"),
        ("[alerts]\n", with_term("(the|a) lot"), "one to eight words"),
        ("[alerts]\n", with_term("--"), "one to eight words"),
        ("[alerts]\n", with_term("a"), "one to eight words"),
        ("[alerts]\n", term.replacen("[alerts]\n", term, 1), "a term that this theme has once"),
    ];
    for (old, new, said) in cases {
        let problems = edition(&first_school_with(old, &new)).err().unwrap_or_default();
        assert!(lines(&problems).contains(said), "{new}: expected {said:?} in\n{}", lines(&problems));
    }
}

#[test]
fn the_schema_that_ships_is_the_schema_of_the_types() {
    if std::env::var_os("SCHOOLGATE_WRITE_SCHEMA").is_some() {
        let path = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/../../policies/policy.schema.json";
        std::fs::write(path, schema()).unwrap();
        return;
    }
    assert_eq!(SCHEMA, schema(), "run this test with SCHOOLGATE_WRITE_SCHEMA=1 to write it anew");
}

proptest! {
    // Each case reads a whole document, so fewer cases than is usual.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,400}", settings in "\\PC{0,200}") {
        let settings = SourceText { name: "s", text: &settings };
        let edition = SourceText { name: "e", text: &text };
        prop_assert!(read(&edition, Some(&settings)).is_err());
    }

    #[test]
    fn a_real_document_with_a_piece_torn_out_or_put_in_is_answered(at in 0..FIRST_SCHOOL.len(), gone in 0_usize..200, new in "[\\[\\]{}=\"a-z0-9.\n ]{0,12}") {
        let start = FIRST_SCHOOL.floor_char_boundary(at);
        let end = FIRST_SCHOOL.floor_char_boundary((at + gone).min(FIRST_SCHOOL.len())).max(start);
        let text = format!("{}{new}{}", &FIRST_SCHOOL[..start], &FIRST_SCHOOL[end..]);
        if let Err(problems) = edition(&text) {
            prop_assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
        }
    }
}
