//! Requests for a part of the history: asked by one, approved by another, made into a pack that names whom it may.

use crate::cases::open;
use crate::world::{NOW, World, school};
use app::views::ExportQuestion;
use app::{AppError, CaseDeed, ExportDeed};
use history::Keep;
use model::{Action, Actor, CaseEntryKind, CaseOutcome, ExportId, ExportState, PersonId, Role};
use std::io::{Cursor, Read as _};
use wire::verify_pack;

fn question(kind: &str) -> ExportQuestion {
    let text = str::to_owned;
    ExportQuestion {
        kind: text(kind),
        requester: text("PC 4711, Northshire Police"),
        their_reference: text("NS/22/7"),
        person: text(""),
        from: text("2026-11-01"),
        until: text("2026-11-30"),
        basis: text("crime"),
        purpose: text("To find who wrote to her"),
        hold: text("no"),
    }
}

/// A school with a lead, a head, two pupils and a request of each.
async fn small_school() -> (World, Actor, Actor, [PersonId; 2]) {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let mut pupils = Vec::new();
    for login in ["amara", "ben"] {
        let pupil = world.add_pupil(login, "4", school("larkfield")).await;
        world.visit(pupil, "larkfield", "education.schoolgate.test", NOW.plus_ms(-60_000));
        pupils.push(pupil);
    }
    (world, lead, head, [pupils[0], pupils[1]])
}

async fn approved(
    world: &World,
    (lead, head): (&Actor, &Actor),
    typed: &ExportQuestion,
) -> (ExportId, Vec<u8>) {
    let id = world.app.ask_for_export(lead, typed).await.unwrap();
    let deed = ExportDeed::Approve("checked by telephone".to_owned());
    assert!(world.app.work_on_export(head, id, deed).await.unwrap());
    let mut pack = world.app.download_export(head, id).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    pack.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(pack.bytes, bytes.len() as u64);
    (id, bytes)
}

#[tokio::test]
async fn a_police_request_is_asked_approved_by_another_made_and_taken() {
    let (world, lead, head, _) = small_school().await;
    let typed = ExportQuestion { hold: "yes".to_owned(), ..question("police") };
    let id = world.app.ask_for_export(&lead, &typed).await.unwrap();
    assert!(world.app.download_export(&lead, id).await.unwrap().is_none(), "nobody approved it yet");
    let own = world.app.work_on_export(&lead, id, ExportDeed::Approve("fine".to_owned())).await;
    assert!(matches!(own, Err(AppError::Refused { .. })), "who asks does not approve");
    let silent = world.app.work_on_export(&head, id, ExportDeed::Approve(String::new())).await;
    assert!(matches!(silent, Err(AppError::Refused { .. })), "a reason is needed");
    let early = world.app.work_on_export(&head, id, ExportDeed::Make).await;
    assert!(matches!(early, Err(AppError::Refused { .. })), "it was not approved");
    let deed = || ExportDeed::Approve("checked by telephone".to_owned());
    assert!(world.app.work_on_export(&head, id, deed()).await.unwrap());
    assert!(world.app.work_on_export(&head, id, deed()).await.is_err(), "once is enough");
    let held = world.history.holds().unwrap();
    assert_eq!((held.len(), held[0].events), (1, 2), "kept from expiring since it was asked");

    let mut taken = world.app.download_export(&head, id).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    taken.file.read_to_end(&mut bytes).unwrap();
    let report = verify_pack(&mut Cursor::new(&bytes), Some(&world.app.key_fingerprint()));
    assert_eq!(report.faults, []);
    let manifest = report.manifest.unwrap();
    assert_eq!((manifest.rows, manifest.kind.as_str()), (2, "police"));
    assert!(manifest.audit.iter().all(|head| head.sequence > 0) && !manifest.audit.is_empty());
    let text = String::from_utf8_lossy(&bytes);
    for part in ["PC 4711", "NS/22/7", "checked by telephone", "Europe/London", "Nobody's name is hidden"] {
        assert!(text.contains(part), "{part}");
    }
    let view = world.app.export_view(&lead, id).await.unwrap().unwrap();
    let steps: Vec<&str> = view.custody.iter().map(|line| line.step.slug()).collect();
    assert_eq!(steps, ["asked", "held", "approved", "made", "downloaded"]);
    for action in ["ask-for-export", "hold-history", "approve-export", "make-export", "download-export"] {
        assert_eq!(world.count_facts(action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_pack_shows_no_more_names_than_its_kind_may() {
    let (world, lead, head, pupils) = small_school().await;
    let both = (&lead, &head);
    let id_of = |place: usize| pupils[place].to_string();
    let (_, police) = approved(&world, both, &question("police")).await;
    let police = String::from_utf8_lossy(&police).into_owned();
    assert!(police.contains(&id_of(0)) && police.contains("amara"));
    let (_, provider) = approved(&world, both, &question("filtering-provider")).await;
    let provider = String::from_utf8_lossy(&provider).into_owned();
    for hidden in [id_of(0), id_of(1), "amara".to_owned(), "ben\"".to_owned()] {
        assert!(!provider.contains(&hidden), "{hidden}");
    }
    assert!(provider.contains("Pupil ") && provider.contains("Every person has a pseudonym"));
    let own = ExportQuestion { person: "Amara".to_owned(), ..question("subject-access") };
    let (_, subject) = approved(&world, both, &own).await;
    let subject = String::from_utf8_lossy(&subject).into_owned();
    assert!(subject.contains(&id_of(0)) && !subject.contains(&id_of(1)));
}

#[tokio::test]
async fn mistakes_are_named_by_field_and_nothing_is_put_down() {
    let (world, lead, _, _) = small_school().await;
    let fields = async |typed: &ExportQuestion| {
        let problems = world.app.export_problems(&lead, typed).await.unwrap();
        problems.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    assert_eq!(fields(&question("police")).await, [""; 0]);
    let empty = fields(&ExportQuestion::default()).await;
    assert_eq!(empty, ["kind", "requester", "from", "basis", "purpose"]);
    assert_eq!(fields(&question("subject-access")).await, ["person"], "it is about somebody");
    let backwards = ExportQuestion { until: "2026-10-01".to_owned(), ..question("police") };
    assert_eq!(fields(&backwards).await, ["until"]);
    let future = ExportQuestion {
        from: "2027-11-01".to_owned(),
        until: "2027-11-02".to_owned(),
        ..question("police")
    };
    assert_eq!(fields(&future).await, ["from"]);
    let about_self = ExportQuestion { person: "lead".to_owned(), ..question("police") };
    assert_eq!(fields(&about_self).await, ["person"]);
    assert!(world.app.ask_for_export(&lead, &ExportQuestion::default()).await.is_err());
    assert!(world.app.exports_view(&lead).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn nobody_sees_another_schools_request_or_one_about_themselves() {
    let world = World::new("trust.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let elsewhere = world.add("elsewhere", Role::Headteacher, school("whitestone")).await;
    let technician = world.add("technician", Role::Technician, school("ashbrook")).await;
    let theirs = world.add_pupil("theirs", "4", school("whitestone")).await;
    world.visit(theirs, "whitestone", "education.schoolgate.test", NOW.plus_ms(-60_000));
    let id = world.app.ask_for_export(&lead, &question("police")).await.unwrap();
    let deed = || ExportDeed::Approve("fine".to_owned());
    assert!(world.app.export_view(&elsewhere, id).await.unwrap().is_none());
    assert!(world.app.download_export(&elsewhere, id).await.unwrap().is_none());
    assert!(!world.app.work_on_export(&elsewhere, id, deed()).await.unwrap());
    world.assert_denied(Action::ExportHistory, world.app.export_view(&technician, id).await).await;
    world.assert_denied(Action::ExportHistory, world.app.download_export(&technician, id).await).await;
    world.assert_denied(Action::ExportHistory, world.app.work_on_export(&technician, id, deed()).await).await;
    assert_eq!(world.store.export(id).await.unwrap().unwrap().state, ExportState::Asked);
    assert!(world.app.exports_view(&elsewhere).await.unwrap().rows.is_empty());
    let named = ExportQuestion { person: "theirs".to_owned(), ..question("police") };
    assert_eq!(world.app.export_problems(&lead, &named).await.unwrap()[0].0, "person");
    let (_, pack) = approved(&world, (&lead, &head), &question("police")).await;
    let report = verify_pack(&mut Cursor::new(&pack), None);
    assert_eq!(report.manifest.unwrap().rows, 0, "what another school did is not in it");
}

#[tokio::test]
async fn a_request_is_dealt_with_by_those_who_may_read_about_whom_it_is() {
    let (world, lead, head, _) = small_school().await;
    let other_lead = world.add("deputy", Role::SafeguardingLead, school("larkfield")).await;
    let officer = world.add("officer", Role::DataProtectionOfficer, school("larkfield")).await;
    world.add("technician", Role::Technician, school("larkfield")).await;
    let refuse = || ExportDeed::Refuse("no".to_owned());

    // About whom; who asks; who may not see that, and may not ask it.
    for (about, asks, others) in
        [("head", &officer, [&head, &lead]), ("technician", &head, [&lead, &other_lead])]
    {
        let typed = ExportQuestion { person: about.to_owned(), ..question("police") };
        let id = world.app.ask_for_export(asks, &typed).await.unwrap();
        for other in others {
            assert_eq!(world.app.export_problems(other, &typed).await.unwrap()[0].0, "person", "{about}");
            assert!(world.app.export_view(other, id).await.unwrap().is_none(), "{about}");
            assert!(world.app.exports_view(other).await.unwrap().rows.is_empty(), "{about}");
            assert!(!world.app.work_on_export(other, id, refuse()).await.unwrap(), "{about}");
        }
        let record = world.store.export(id).await.unwrap().unwrap();
        assert_eq!((record.state, record.asked.scope), (ExportState::Asked, school("larkfield")));
    }

    // What was held for a request that is turned down expires again.
    let typed = ExportQuestion { hold: "yes".to_owned(), ..question("police") };
    let id = world.app.ask_for_export(&lead, &typed).await.unwrap();
    assert_eq!(world.history.holds().unwrap().len(), 1);
    assert!(world.app.work_on_export(&head, id, refuse()).await.unwrap());
    assert_eq!((world.history.holds().unwrap().len(), world.count_facts("release-hold").await), (0, 1));

    // About everybody: asked by the lead, decided and taken by the head alone.
    let id = world.app.ask_for_export(&lead, &question("police")).await.unwrap();
    assert!(!world.app.export_view(&other_lead, id).await.unwrap().unwrap().may_decide);
    let deed = || ExportDeed::Approve("fine".to_owned());
    let denied = world.app.work_on_export(&other_lead, id, deed()).await;
    assert!(matches!(denied, Err(AppError::Refused { .. })), "staff are in it");
    assert!(world.app.work_on_export(&head, id, deed()).await.unwrap());
    let denied = world.app.download_export(&lead, id).await;
    assert!(matches!(denied, Err(AppError::Refused { .. })), "staff are in it");
    assert!(world.app.download_export(&officer, id).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_held_for_a_request_is_in_its_pack_after_it_expired() {
    let (world, lead, head, pupils) = small_school().await;
    let before = NOW.plus_ms(-3 * 86_400_000);
    world.visit(pupils[0], "larkfield", "education.schoolgate.test", before);
    let typed = ExportQuestion { hold: "yes".to_owned(), ..question("police") };
    let id = world.app.ask_for_export(&lead, &typed).await.unwrap();
    assert_eq!(world.history.expire(&Keep::from(NOW.day()), NOW).unwrap().events, 1);
    let deed = ExportDeed::Approve("checked".to_owned());
    assert!(world.app.work_on_export(&head, id, deed).await.unwrap());
    let mut pack = world.app.download_export(&head, id).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    pack.file.read_to_end(&mut bytes).unwrap();
    let manifest = verify_pack(&mut Cursor::new(&bytes), None).manifest.unwrap();
    assert_eq!((manifest.rows, manifest.unreadable), (3, 0), "two of today, and the one that is held");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains(&format!("{} | 1 | all", before.day())), "what expired is said");
}

#[tokio::test]
async fn a_pack_that_is_not_what_was_made_is_not_handed_over() {
    let (world, lead, head, _) = small_school().await;
    let (id, taken) = approved(&world, (&lead, &head), &question("police")).await;
    let file = world.folder.path().join("packs").join(format!("{id}.pack"));
    let mut bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() > taken.len(), "it lies sealed");
    for part in [&b"manifest.json"[..], b"PC 4711", b"education.schoolgate.test"] {
        let is_in = |text: &[u8]| text.windows(part.len()).any(|window| window == part);
        assert!(is_in(&taken) && !is_in(&bytes), "what is in it can be read where it was taken alone");
    }
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let taken = world.app.download_export(&head, id).await;
    assert!(matches!(taken, Err(AppError::Refused { .. })));
    assert_eq!(world.count_facts("find-export-changed").await, 1);

    // A whole one of the same key, of another request.
    let (other, _) = approved(&world, (&lead, &head), &question("police")).await;
    std::fs::copy(file.with_file_name(format!("{other}.pack")), &file).unwrap();
    assert!(world.app.download_export(&head, id).await.is_err());
    assert_eq!(world.count_facts("download-export").await, 2);
}

#[tokio::test]
async fn a_pack_that_another_gate_made_again_is_fetched_there_and_is_no_sign_of_tampering() {
    let (world, lead, head, _) = small_school().await;
    let (ash, elm) = (world.gate("ash.gate.test").await, world.gate("elm.gate.test").await);
    let (id, _) = approved(&ash, (&lead, &head), &question("police")).await;
    // The gate that made it last, and the other one, which still has what it made before.
    for (last, other, name) in [(&elm, &ash, "elm.gate.test"), (&ash, &elm, "ash.gate.test")] {
        last.clock.advance_ms(1);
        assert!(last.app.work_on_export(&head, id, ExportDeed::Make).await.unwrap());
        assert!(last.app.download_export(&head, id).await.unwrap().is_some());
        assert!(last.app.work_on_export(&head, id, ExportDeed::Make).await.is_err(), "it is there");
        assert!(other.folder.path().join("packs").join(format!("{id}.pack")).exists());
        let refused = other.app.download_export(&head, id).await.err().unwrap();
        assert!(
            matches!(refused, AppError::Refused { .. }) && refused.theirs().contains(name),
            "{refused:?}"
        );
        let view = other.app.export_view(&head, id).await.unwrap().unwrap();
        assert!(view.elsewhere.contains(name), "{}", view.elsewhere);
    }
    assert_eq!(world.count_facts("find-export-changed").await, 0);
    let file = ash.folder.path().join("packs").join(format!("{id}.pack"));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert!(ash.app.download_export(&head, id).await.is_err());
    assert_eq!(world.count_facts("find-export-changed").await, 1, "the one that counts was changed");
}

#[tokio::test]
async fn a_pack_is_kept_for_thirty_days_and_can_be_made_again() {
    let (world, lead, head, _) = small_school().await;
    let (id, first) = approved(&world, (&lead, &head), &question("police")).await;
    let packs = world.folder.path().join("packs");
    let left = packs.join(format!("making-{}", uuid::Uuid::from_u128(7)));
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("requests.csv"), "somebody").unwrap();
    std::fs::write(packs.join("notes.txt"), "not ours").unwrap();
    let unsealed = packs.join(format!("{}.zip", uuid::Uuid::from_u128(8)));
    std::fs::write(&unsealed, "one of an earlier version").unwrap();
    world.app.expire_packs().await.unwrap();
    assert!(
        !left.exists() && packs.join("notes.txt").exists(),
        "what a stopped gate left is gone, and no more"
    );
    assert!(packs.join(format!("{id}.pack")).exists() && !unsealed.exists());
    assert!(world.app.work_on_export(&head, id, ExportDeed::Make).await.is_err(), "it is there");
    let elsewhere = packs.join("elsewhere");
    std::fs::rename(packs.join(format!("{id}.pack")), &elsewhere).unwrap();
    let view = world.app.export_view(&head, id).await.unwrap().unwrap();
    assert!(view.elsewhere.contains("should lie at this gate until 20 December 2026"), "{}", view.elsewhere);
    std::fs::rename(&elsewhere, packs.join(format!("{id}.pack"))).unwrap();

    world.clock.advance_ms(31 * 24 * 3_600_000);
    world.app.expire_packs().await.unwrap();
    assert!(!packs.join(format!("{id}.pack")).exists());
    assert_eq!(world.count_facts("expire-export").await, 1);
    let view = world.app.export_view(&head, id).await.unwrap().unwrap();
    assert!(view.elsewhere.contains("30 days have passed"), "{}", view.elsewhere);
    assert_eq!(view.custody.last().unwrap().step.slug(), "expired");
    let gone = world.app.download_export(&head, id).await;
    assert!(matches!(gone, Err(AppError::Refused { .. })), "it says so");
    assert!(world.app.work_on_export(&head, id, ExportDeed::Make).await.unwrap());
    let mut again = world.app.download_export(&head, id).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    again.file.read_to_end(&mut bytes).unwrap();
    let report = verify_pack(&mut Cursor::new(&bytes), Some(&world.app.key_fingerprint()));
    assert_eq!((report.faults, report.manifest.unwrap().rows), (Vec::new(), 2));
    assert!(bytes != first, "its custody says that it was made before");
}

#[tokio::test]
async fn a_case_is_taken_away_as_a_document() {
    let (world, lead, head, pupils) = small_school().await;
    let case = open(&world, &lead, Some(pupils[0])).await;
    let document = world.app.export_case_document(&lead, case).await.unwrap().unwrap();
    assert!(document.starts_with(b"%PDF-1.7"));
    let view = world.app.case_view(&lead, case, app::Named::No).await.unwrap().unwrap();
    let last = view.lines.last().unwrap();
    assert!(last.kind == CaseEntryKind::Exported && last.words.contains("(PDF)"), "{}", last.words);
    let facts = world.facts().await;
    let fact = facts.iter().rfind(|fact| fact.action == "export-case").unwrap();
    assert_eq!((fact.details()["form"].as_str(), fact.details()["record"].len()), ("pdf", 64));
    let other = world.add("staff", Role::Technician, school("larkfield")).await;
    assert!(!matches!(world.app.export_case_document(&other, case).await, Ok(Some(_))));
    assert!(world.app.export_case_document(&head, case).await.unwrap().is_some(), "the head reads it");
}

#[tokio::test]
async fn a_case_is_taken_away_as_a_pack_that_proves_itself() {
    let (world, lead, head, pupils) = small_school().await;
    let case = open(&world, &lead, Some(pupils[0])).await;
    let note = CaseDeed::Write {
        kind: CaseEntryKind::Note,
        words: "Looked <b>twice</b>".to_owned(),
        reason: String::new(),
    };
    for deed in [
        note,
        CaseDeed::Strike { sequence: 2, why: "The wrong week".to_owned() },
        CaseDeed::Refer("CP-118".to_owned()),
        CaseDeed::Close { outcome: CaseOutcome::Police, words: "Handed over".to_owned() },
    ] {
        assert!(world.app.work_on_case(&lead, case, deed).await.unwrap());
    }
    let bytes = world.app.export_case_pack(&lead, case).await.unwrap().unwrap();
    let report = verify_pack(&mut Cursor::new(&bytes), Some(&world.app.key_fingerprint()));
    assert_eq!(report.faults, []);
    let members: Vec<String> =
        report.manifest.unwrap().members.into_iter().map(|member| member.name).collect();
    assert_eq!(members, ["case.html", "case.pdf", "timeline.csv", "evidence/0001.txt"]);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for part in [
        "<s>Looked &lt;b&gt;twice",
        "The wrong week",
        "CP-118",
        "Unchanged since it was copied",
        "Europe/London",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(text.contains("Police. Handed over") && !text.contains("amara"));
    let view = world.app.case_view(&lead, case, app::Named::No).await.unwrap().unwrap();
    let last = view.lines.last().unwrap();
    assert!(last.kind == CaseEntryKind::Exported && last.words.contains("SHA-256"), "{}", last.words);
    let staff = world.add("staff", Role::Technician, school("larkfield")).await;
    assert!(!matches!(world.app.export_case_pack(&staff, case).await, Ok(Some(_))));
    assert!(world.app.export_case_pack(&head, case).await.unwrap().is_some(), "the head reads it");
}
