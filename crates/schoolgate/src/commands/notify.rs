//! `schoolgate notify`: tries the ways by which messages leave, as the configuration has them now.

use crate::cli::NotifyCommand;
use crate::config::Config;
use crate::edges::{way_of, ways_out};
use crate::error::ProgramError;
use crate::folder::Folder;
use app::Recipient;
use model::{Clock, Severity, Timestamp};
use notify::{Call, Delivered, Job, Message, MessageKind, Notifier, Place};
use uuid::Uuid;

pub(crate) async fn run(command: &NotifyCommand) -> Result<(), ProgramError> {
    let NotifyCommand::Test { to, at } = command;
    let folder = Folder::existing(&at.folder)?;
    let config = Config::read(&folder.config())?;
    let (notifier, recipients) = ways_out(&folder, &config)?;
    let place = Place::new(&config.gate.organisation, &config.console_address(config.console.listen))
        .map_err(ProgramError::part("notify"))?;
    let chosen = chosen(recipients, to)?;
    let (mut lines, mut all_taken) = (Vec::new(), true);
    for recipient in chosen {
        let now = Clock::System.now();
        let random = identity::random_bytes::<10>().map_err(ProgramError::part("notify"))?;
        let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0).unwrap_or(0), &random);
        let delivered = test(&notifier, &place, &recipient, (id.into_uuid(), now)).await;
        all_taken &= delivered == Delivered::Taken;
        let words = match delivered {
            Delivered::Taken => "taken".to_owned(),
            Delivered::Later { why, .. } | Delivered::GivenUp { why } => why.to_string(),
        };
        lines.push(format!("{} ({}): {words}", recipient.address, recipient.channel.slug()));
    }
    crate::print(&lines.join("\n"))?;
    if all_taken { Ok(()) } else { Err(ProgramError::Trouble("Not every way out works.".into())) }
}

/// Those of these names; all where none is named.
fn chosen(recipients: Vec<Recipient>, names: &[String]) -> Result<Vec<Recipient>, ProgramError> {
    let has = |name: &&String| recipients.iter().any(|recipient| recipient.address == **name);
    if let Some(unknown) = names.iter().find(|name| !has(name)) {
        return Err(ProgramError::Usage(format!("--to: expected a name of notify.to, found {unknown}")));
    }
    if recipients.is_empty() {
        return Err(ProgramError::Question("expected somebody in notify.to, found nobody".into()));
    }
    let is_chosen = |recipient: &Recipient| names.is_empty() || names.contains(&recipient.address);
    Ok(recipients.into_iter().filter(is_chosen).collect())
}

async fn test(
    notifier: &Notifier,
    place: &Place,
    recipient: &Recipient,
    (id, now): (Uuid, Timestamp),
) -> Delivered {
    let message = Message {
        place: place.clone(),
        kind: MessageKind::Test,
        severity: Severity::NoConcern,
        call: Call::First,
        alert: None,
    };
    let to = notify::Recipient { way: way_of(recipient.channel), name: recipient.address.clone() };
    let job = Job { id, to, message, attempt: 1 };
    notifier.deliver(&job, now).await
}
