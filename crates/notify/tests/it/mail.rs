//! Mail by a real SMTP server: STARTTLS and TLS, right and wrong in every way that matters.

use crate::world::{MailServer, NOW, job};
use notify::{Delivered, Job, Mail, MailLogin, MailSecurity, Notifier, Trouble, Way};
use testkit::certificates::{Fault, TestAuthority};

fn mail(server: &MailServer, security: MailSecurity, password: &str) -> Mail {
    let login = MailLogin { login: "gate".to_owned(), password: password.to_owned().into() };
    Mail {
        relay: if security == MailSecurity::Plain { "127.0.0.1" } else { "localhost" }.to_owned(),
        port: server.port,
        security,
        login: (security != MailSecurity::Plain).then_some(login),
        from: "schoolgate@larkfield.test".to_owned(),
        hello: "gate.larkfield.test".to_owned(),
    }
}

fn notifier(authority: &TestAuthority, mail: &Mail) -> Notifier {
    let names = ["lead", "later", "never"].into_iter();
    let notifier = Notifier::new(Some(mail), &[authority.der()]).unwrap();
    names.fold(notifier, |notifier, name| {
        notifier.with_mail_address(name, &format!("{name}@larkfield.test")).unwrap()
    })
}

fn to(name: &str) -> Job {
    job(Way::Mail, name)
}

fn why(delivered: Delivered) -> Trouble {
    match delivered {
        Delivered::Later { why, .. } => why,
        other => panic!("expected another attempt, found {other:?}"),
    }
}

#[tokio::test]
async fn a_mail_arrives_encrypted_either_way_and_says_that_an_alert_waits_and_no_more() {
    let authority = TestAuthority::new().unwrap();
    for (mode, security) in [("starttls", MailSecurity::StartTls), ("tls", MailSecurity::Tls)] {
        let server = MailServer::start(mode, &authority, Fault::None).await;
        let notifier = notifier(&authority, &mail(&server, security, "right"));
        assert_eq!(notifier.probe_mail().await, Some(Ok(())), "{mode}");
        assert_eq!(notifier.deliver(&to("lead"), NOW).await, Delivered::Taken, "{mode}");
        let taken = server.taken();
        let (head, body) = taken[0].split_once("\r\n\r\n").unwrap();
        assert!(head.contains("X-Known-As: gate") && head.contains("X-To: lead@larkfield.test"), "{head}");
        assert!(head.contains("Subject: Safeguarding alert (critical) at Larkfield First School"), "{head}");
        assert_eq!(
            body.replace("\r\n", "\n").trim_end(),
            "Safeguarding alert (critical) at Larkfield First School.\nIt waits for you in the console.\n\
             Sign in and acknowledge it now.\n\
             Whom it is about and what happened is not in this message, on purpose.\n\n\
             https://gate.larkfield.test/alerts/00000000-0000-0000-0000-000000000007"
        );
    }
}

#[tokio::test]
async fn a_relay_near_by_takes_unencrypted_mail_where_that_is_asked_for() {
    let authority = TestAuthority::new().unwrap();
    let server = MailServer::start("plain", &authority, Fault::None).await;
    let plain = notifier(&authority, &mail(&server, MailSecurity::Plain, ""));
    assert_eq!(plain.deliver(&to("lead"), NOW).await, Delivered::Taken);
    // Where encryption is asked for and not offered, nothing goes out.
    let encrypted = notifier(&authority, &mail(&server, MailSecurity::StartTls, "right"));
    assert_eq!(why(encrypted.deliver(&to("lead"), NOW).await), Trouble::Insecure);
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn nothing_is_given_to_a_relay_that_cannot_prove_who_it_is() {
    let authority = TestAuthority::new().unwrap();
    for fault in [Fault::Untrusted, Fault::WrongName, Fault::Expired, Fault::SelfSigned] {
        for (mode, security) in [("starttls", MailSecurity::StartTls), ("tls", MailSecurity::Tls)] {
            let server = MailServer::start(mode, &authority, fault).await;
            let notifier = notifier(&authority, &mail(&server, security, "right"));
            assert_eq!(why(notifier.deliver(&to("lead"), NOW).await), Trouble::Unproven, "{mode} {fault:?}");
            assert!(server.taken().is_empty());
        }
    }
}

#[tokio::test]
async fn a_relays_no_for_now_is_tried_again_and_its_no_for_good_is_not() {
    let authority = TestAuthority::new().unwrap();
    let server = MailServer::start("tls", &authority, Fault::None).await;
    let known = notifier(&authority, &mail(&server, MailSecurity::Tls, "right"));
    let first = known.deliver(&to("later"), NOW).await;
    assert_eq!(why(first), Trouble::Busy { code: 451 });
    let second = Job { attempt: 2, ..to("later") };
    assert_eq!(known.deliver(&second, NOW).await, Delivered::Taken);
    assert_eq!(
        known.deliver(&to("never"), NOW).await,
        Delivered::GivenUp { why: Trouble::Refused { code: 550 } }
    );
    let unknown = notifier(&authority, &mail(&server, MailSecurity::Tls, "wrong"));
    assert_eq!(why(unknown.deliver(&to("lead"), NOW).await), Trouble::SignIn { code: 535 });
    assert_eq!(unknown.probe_mail().await, Some(Err(Trouble::SignIn { code: 535 })));
    let nobody = Mail { port: 1, ..mail(&server, MailSecurity::Tls, "right") };
    let last = Job { attempt: notify::MOST_ATTEMPTS, ..to("lead") };
    let given_up = notifier(&authority, &nobody).deliver(&last, NOW).await;
    assert_eq!(given_up, Delivered::GivenUp { why: Trouble::Unreachable });
}
