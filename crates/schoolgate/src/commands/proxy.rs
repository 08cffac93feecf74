//! `schoolgate proxy`: what the network around the gate needs to know.

use crate::cli::ProxyCommand;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;

pub(crate) fn run(command: &ProxyCommand) -> Result<(), ProgramError> {
    match command {
        ProxyCommand::Nftables { interface, at } => {
            let folder = Folder::existing(&at.folder)?;
            let config = Config::read(&folder.config())?;
            let rules = proxy::nftables(interface, &config.proxy.transparent())
                .map_err(ProgramError::part("proxy.transparent"))?;
            crate::print(&rules)
        }
    }
}
