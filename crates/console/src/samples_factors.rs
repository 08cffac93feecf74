//! Samples of the pages on second factors and administrators. Everybody in them is made up.

use crate::pages::administrators::{AdministratorsPage, EnvelopePage};
use crate::pages::factors::{AuthenticatorPage, CodesPage, NewPasskeyPage, SetUpPage, Way};
use crate::pages::fields::{Field, summary};
use crate::pages::second_step::{ForgottenPage, SecondStepPage};
use crate::samples::HOSTILE;
use app::RecoveryDeed;
use app::views::{
    AdministratorRow, AdministratorsView, FactorView, FactorsView, LeaderView, NewAuthenticatorView,
    RecoveryRow, SecondStepView, WishDeedView, WishView,
};
use model::Timestamp;

const OPTIONS: &str = "{\"publicKey\":{\"challenge\":\"AAAA\"}}";

pub(crate) fn held(now: Timestamp) -> FactorsView {
    let factor = |kind: &str, last_worked| FactorView {
        id: "01990000-0000-7000-8000-000000000001".to_owned(),
        kind: kind.to_owned(),
        name: format!("My phone {HOSTILE}"),
        added: now,
        last_worked,
    };
    FactorsView {
        factors: vec![factor("Passkey", Some(now)), factor("Codes from an app", None)],
        recovery_codes: 8,
        why: "The school\u{2019}s policy asks everybody in your post for a second step.".to_owned(),
        passkeys_work: true,
    }
}

pub(crate) fn nothing_held() -> FactorsView {
    FactorsView { factors: Vec::new(), recovery_codes: 0, why: String::new(), passkeys_work: false }
}

pub(crate) fn authenticators() -> Vec<AuthenticatorPage> {
    let view = NewAuthenticatorView {
        address: "otpauth://totp/Willow:alex?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Willow"
            .to_owned(),
        secret: "GEZD GNBV GY3T QOJQ".to_owned(),
    };
    let long = NewAuthenticatorView { address: "x".repeat(2_000), ..view.clone() };
    vec![
        AuthenticatorPage::of(Way::Mine, &view, ("", ""), ""),
        AuthenticatorPage::of(Way::First, &long, ("", HOSTILE), "That code is not right."),
    ]
}

pub(crate) fn passkeys() -> Vec<NewPasskeyPage> {
    vec![
        NewPasskeyPage::of(Way::Mine, OPTIONS.to_owned(), "", ""),
        NewPasskeyPage::of(Way::First, format!("{OPTIONS}{HOSTILE}"), HOSTILE, "It could not be added."),
    ]
}

pub(crate) fn codes() -> Vec<CodesPage> {
    let codes = ["MZXW-6YTB-OIAA-BBCC".to_owned(), "AAAA-BBBB-CCCC-DDDD".to_owned()];
    vec![CodesPage { codes: codes.into(), next: "/my-account" }, CodesPage { codes: Vec::new(), next: "/" }]
}

pub(crate) fn set_ups() -> Vec<SetUpPage> {
    [true, false].map(|passkeys_work| SetUpPage { why: HOSTILE.to_owned(), passkeys_work }).into()
}

pub(crate) fn steps() -> Vec<SecondStepPage> {
    let view = |takes_app, takes_recovery, passkey: &str| SecondStepView {
        takes_app,
        takes_recovery,
        passkey: passkey.to_owned(),
        why: if takes_recovery {
            String::new()
        } else {
            "The policy asks for it away from school.".to_owned()
        },
    };
    vec![
        SecondStepPage::of(view(true, true, OPTIONS), HOSTILE, ""),
        SecondStepPage::of(view(true, false, ""), "", "That code is not right."),
        SecondStepPage::of(view(false, true, ""), "", ""),
        SecondStepPage::of(view(false, false, OPTIONS), "", ""),
    ]
}

pub(crate) fn forgotten() -> Vec<ForgottenPage> {
    let problems = [("login".to_owned(), "That did not match.".to_owned())];
    vec![
        ForgottenPage::default(),
        ForgottenPage {
            summary: summary(&problems),
            login: Field::of("login", HOSTILE.to_owned(), &problems),
            number: "0a".to_owned(),
            passkey: OPTIONS.to_owned(),
        },
    ]
}

pub(crate) fn administrators(now: Timestamp) -> Vec<AdministratorsPage> {
    let account = |works: bool, has_post: bool| AdministratorRow {
        name: format!("Alex Sample {HOSTILE}"),
        login: "alex.admin".to_owned(),
        state: "Open".to_owned(),
        factors: if works { "Passkey".to_owned() } else { String::new() },
        works,
        has_post,
    };
    let wish = |number: u32, agreed_by: &str, deeds: &[RecoveryDeed]| WishView {
        number,
        what: "wants it to have other owners".to_owned(),
        owners: vec!["Sam Sample".to_owned(), HOSTILE.to_owned()],
        asked: now,
        asked_by: "Robin Sample".to_owned(),
        agreed_by: agreed_by.to_owned(),
        until: (!agreed_by.is_empty()).then_some(now),
        lapses: (!agreed_by.is_empty()).then_some(now),
        has_lapsed: number == 3,
        deeds: deeds
            .iter()
            .map(|deed| WishDeedView {
                deed: *deed,
                button: format!("Do it {HOSTILE}"),
                why: format!("Why? {HOSTILE}"),
                ends: number == 4,
            })
            .collect(),
    };
    let recovery = |number: u32, wish: Option<WishView>| RecoveryRow {
        number,
        owners: vec!["Robin Sample".to_owned(), HOSTILE.to_owned()],
        owner_ids: vec!["1".to_owned()],
        stands_for: "Robin Sample".to_owned(),
        opens_too_little: number == 3,
        tried: now,
        is_due: number == 2,
        may_ask: wish.is_none(),
        wish,
    };
    let bare = AdministratorsView {
        setting_up: true,
        missing: vec!["2 more people".to_owned(), "a recovery account".to_owned()],
        at_least: 2,
        accounts: Vec::new(),
        recovery: Vec::new(),
        wanted: Vec::new(),
        choices: Vec::new(),
        leads: false,
    };
    let leader = |id: &str, name: &str| LeaderView { id: id.to_owned(), name: name.to_owned() };
    let full = AdministratorsView {
        setting_up: false,
        missing: Vec::new(),
        accounts: vec![account(true, true), account(false, true), account(false, false)],
        recovery: vec![
            recovery(1, None),
            recovery(2, Some(wish(2, "", &RecoveryDeed::ALL))),
            recovery(3, Some(wish(3, "Sam Sample", &[]))),
        ],
        wanted: vec![wish(4, "Sam Sample", &[RecoveryDeed::Cancel, RecoveryDeed::CarryOut])],
        choices: vec![leader("1", "Robin Sample"), leader("2", HOSTILE)],
        leads: true,
        ..bare.clone()
    };
    let looked_at = AdministratorsView { leads: false, choices: Vec::new(), ..full.clone() };
    vec![
        AdministratorsPage::of(bare, ""),
        AdministratorsPage::of(full, "Say why: it is recorded."),
        AdministratorsPage::of(looked_at, ""),
    ]
}

pub(crate) fn envelopes() -> Vec<EnvelopePage> {
    vec![EnvelopePage {
        number: 2,
        login: "recovery-2".to_owned(),
        secret: "made-up-words-for-a-sample".to_owned(),
        codes: vec!["AAAA-BBBB-CCCC-DDDD".to_owned(), "EEEE-FFFF-GGGG-HHHH".to_owned()],
    }]
}
