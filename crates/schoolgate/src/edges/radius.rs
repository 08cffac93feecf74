//! RADIUS accounting as the configuration has it.

use super::dns::read_secret;
use crate::config::{RadiusClient, RadiusConfig};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate::Shared;
use intake::{AccountingClient, AccountingConfig, AccountingPorts, AccountingServer, Secret};

/// The listener, where there is to be one.
pub(super) async fn bind(
    folder: &Folder,
    config: &RadiusConfig,
    shared: &Shared,
) -> Result<Option<AccountingServer>, ProgramError> {
    let Some(listen) = config.listen else { return Ok(None) };
    let clients = config.client.iter().map(|listed| client(folder, listed)).collect::<Result<_, _>>()?;
    let settings = AccountingConfig { listen, clients, session_timeout: config.session_timeout() };
    let Shared { roster, identities, clock, .. } = shared.clone();
    let ports = AccountingPorts { roster, identities, clock };
    AccountingServer::bind(settings, ports).await.map(Some).map_err(ProgramError::part("RADIUS accounting"))
}

fn client(folder: &Folder, listed: &RadiusClient) -> Result<AccountingClient, ProgramError> {
    let name = &listed.secret;
    let wrong = |words: String| ProgramError::Question(format!("radius.client.secret: {words}"));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(wrong(format!(
            "expected the name of a file in secrets: letters, digits, hyphens; found {name}"
        )));
    }
    let secret = read_secret(&folder.secrets().join(name))?;
    let secret =
        Secret::new(secret.as_bytes()).map_err(|error| wrong(format!("{error} in secrets/{name}")))?;
    Ok(AccountingClient { address: listed.address, secret })
}
