//! Names that a listener of ours answers to, and web pages that it lets in.

use crate::listen::Names;

/// Arguments of commands that listen for clients
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListenNames {
    /// Answer to this name too, `.DOMAIN` for all names below it; repeat for more
    #[arg(long = "allow-host", value_name = "NAME")]
    pub hosts: Vec<String>,

    /// Let web pages of this origin connect (scheme://host:port); repeat for more
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub origins: Vec<String>,
}

impl From<ListenNames> for Names {
    fn from(names: ListenNames) -> Self {
        Self {
            hosts: names.hosts,
            origins: names.origins,
        }
    }
}
