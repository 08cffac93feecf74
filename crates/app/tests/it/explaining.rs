//! "Why?": people, addresses and groups; within one's school.

use crate::world::{World, school};
use app::views::{ExplainQuestion, ExplainView};
use model::{Actor, Role, Scope};

async fn ask(world: &World, actor: &Actor, who: &str, url: &str) -> ExplainView {
    let question =
        ExplainQuestion { who: who.to_owned(), url: url.to_owned(), at: String::new(), event: String::new() };
    world.app.explain(actor, question).await.unwrap()
}

#[tokio::test]
async fn the_answer_names_the_verdict_the_group_and_the_layer_that_decided() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    for who in ["amara", "AMARA ", "lower-ks2", "10.20.0.9", ""] {
        let view = ask(&world, &head, who, "gambling.schoolgate.test/play").await;
        assert_eq!(view.problems, [], "{who}");
        let answer = view.answer.unwrap();
        assert_eq!(answer.verdict, "Blocked", "{who}: {}", answer.sentence);
        assert_eq!(answer.steps.iter().filter(|step| step.decided).count(), 1, "{who}");
    }
    let answer = ask(&world, &head, "amara", "gambling.schoolgate.test").await.answer.unwrap();
    assert!(answer.sentence.contains("Gambling"), "{}", answer.sentence);
    assert!(answer.who.contains("Amara") && answer.who.contains("year group 4"), "{}", answer.who);
    assert_eq!(
        world.count_facts("explain").await,
        4,
        "what is asked about somebody is recorded, about a group not"
    );
}

#[tokio::test]
async fn an_empty_form_is_no_mistake_and_a_wrong_one_says_what_is_wrong() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let empty = world.app.explain(&head, ExplainQuestion::default()).await.unwrap();
    assert!(empty.problems.is_empty() && empty.answer.is_none() && empty.groups.len() > 4);
    let question = ExplainQuestion {
        who: "nobody".to_owned(),
        url: "two words".to_owned(),
        at: "noon".to_owned(),
        event: String::new(),
    };
    let view = world.app.explain(&head, question).await.unwrap();
    let fields: Vec<_> = view.problems.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["who", "url", "at"]);
}

#[tokio::test]
async fn a_person_of_another_school_is_answered_like_one_who_does_not_exist() {
    let world = World::new("trust.toml").await;
    let teacher = world.add("teacher", Role::ClassTeacher, school("ashbrook")).await;
    world.add_pupil("wesley", "9", school("whitestone")).await;
    let other = ask(&world, &teacher, "wesley", "example.com").await;
    let nobody = ask(&world, &teacher, "nobody", "example.com").await;
    assert_eq!((other.answer.is_none(), other.problems), (true, nobody.problems));
    let address = ask(&world, &teacher, "10.40.0.9", "example.com").await;
    assert_eq!(address.problems[0].0, "who");
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    assert!(ask(&world, &lead, "wesley", "example.com").await.answer.is_some());
}
