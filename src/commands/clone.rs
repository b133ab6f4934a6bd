//! `paseo clone`: a repository, cloned on the daemon's machine and registered as a project.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::{CommandResult, Context, failure, feature};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::CloneRepository;

/// Repositories can be large.
const PATIENCE: Duration = Duration::from_secs(300);

/// Arguments of `paseo clone`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A URL, or owner/name on GitHub
    pub repo: String,

    /// Directory on the daemon's machine; the checkout becomes a directory in it
    #[arg(long, value_name = "DIR")]
    pub dir: String,

    /// How owner/name is fetched
    #[arg(long)]
    pub protocol: Option<Protocol>,
}

/// How owner/name is fetched
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Protocol {
    /// With a token, or for public repositories
    Https,
    /// With a key
    Ssh,
}

const CODE: &str = "CLONE_FAILED";

/// Clones a repository.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = request(args)?;
    let reply = context
        .with_daemon(async |daemon| {
            feature::require(daemon, "projectGithubClone", "UNSUPPORTED_BY_HOST", "clone")?;
            Ok(daemon.call_within(&request, Some(PATIENCE)).await?)
        })
        .map_err(failure::of(CODE))?;
    let (None, Some(project), Some(path)) = (&reply.error, reply.project, reply.checkout_path)
    else {
        let why = reply.error.as_deref().unwrap_or("no project returned");
        let message = format!("the daemon cloned nothing: {why}");
        return Err(failure::says(CODE, Some(message)));
    };
    let cloned = Cloned {
        repo: reply.repo,
        checkout_path: path,
        project_id: project.project_id,
        project_name: project.project_display_name,
    };
    let cells = vec![
        cloned.repo.as_str().into(),
        cloned.project_name.as_str().into(),
        cloned.checkout_path.as_str().into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![
            Column("REPO", 28),
            Column("PROJECT", 28),
            Column("PATH", 56),
        ],
        rows: vec![Row::new(cloned.project_id.clone(), cells, &cloned)],
    })
    .into())
}

/// Field names and order are those of the official JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cloned {
    repo: String,
    checkout_path: String,
    project_id: String,
    project_name: String,
}

fn request(args: &Args) -> Result<CloneRepository, CommandError> {
    let invalid = |message| CommandError::usage("INVALID_ARGUMENT", message);
    let directory = args.dir.trim();
    if directory.is_empty() {
        return Err(invalid("--dir is required"));
    }
    let clone_protocol = match (is_remote(&args.repo), args.protocol) {
        (true, _) => None,
        (false, Some(Protocol::Https)) => Some("https".to_owned()),
        (false, Some(Protocol::Ssh)) => Some("ssh".to_owned()),
        (false, None) => {
            return Err(invalid(
                "owner/repo does not say how to clone: add --protocol https or ssh",
            ));
        }
    };
    Ok(CloneRepository {
        repo: args.repo.clone(),
        clone_protocol,
        target_directory: directory.to_owned(),
    })
}

/// Returns whether git can fetch it as it is: a URL, or `user@host:path`.
fn is_remote(repo: &str) -> bool {
    let repo = repo.trim();
    if let Some((scheme, rest)) = repo.split_once("://") {
        return !scheme.is_empty() && !rest.is_empty();
    }
    match repo.split_once(':') {
        Some((host, path)) => !host.is_empty() && !host.contains('/') && !path.is_empty(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(repo: &str, dir: &str, protocol: Option<Protocol>) -> Args {
        Args {
            repo: repo.to_owned(),
            dir: dir.to_owned(),
            protocol,
        }
    }

    #[test]
    fn short_names_need_a_protocol() {
        let request = |repo, dir, protocol| request(&args(repo, dir, protocol));
        let url = request("https://h/x.git", "/d", Some(Protocol::Ssh)).unwrap();
        assert_eq!(url.clone_protocol, None);
        assert_eq!(
            request("git@h:o/n", " /d ", None).unwrap().target_directory,
            "/d"
        );
        let short = request("o/n", "/d", Some(Protocol::Ssh)).unwrap();
        assert_eq!(short.clone_protocol.as_deref(), Some("ssh"));
        for wrong in [
            request("o/n", "/d", None),
            request("https://h/x", " ", None),
        ] {
            assert_eq!(wrong.unwrap_err().code, "INVALID_ARGUMENT");
        }
    }
}
