//! What a directory is in git, read from the files of the repository: fast, and without a process.

use std::path::Path;

use crate::files;

/// Largest file of a repository that is read here, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A directory in a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Checkout {
    /// Top of the checkout.
    pub(in crate::daemon) root: String,
    /// Top of the repository's own checkout: differs for a worktree.
    pub(in crate::daemon) main_root: String,
    /// The branch; `None` when detached.
    pub(in crate::daemon) branch: Option<String>,
    /// Address of `origin`.
    pub(in crate::daemon) remote: Option<String>,
}

impl Checkout {
    /// Looks at a directory; `None` when it is not in a checkout.
    pub(in crate::daemon) fn of(dir: &Path) -> Option<Self> {
        let root = dir.ancestors().find(|dir| dir.join(".git").exists())?;
        let dot_git = root.join(".git");
        let git_dir = if dot_git.is_dir() {
            dot_git
        } else {
            let pointer = read(&dot_git)?;
            root.join(pointer.strip_prefix("gitdir:")?.trim())
        };
        let common = match read(&git_dir.join("commondir")) {
            Some(common) => git_dir.join(common.trim()),
            None => git_dir.clone(),
        };
        let common = common.canonicalize().unwrap_or(common);
        let main_root = match common.file_name() {
            Some(name) if name == ".git" => common.parent().map(Path::to_owned),
            _ => None,
        };
        let head = read(&git_dir.join("HEAD"))?;
        let branch = head.trim().strip_prefix("ref: refs/heads/");
        Some(Self {
            root: text(root),
            main_root: text(&main_root.unwrap_or_else(|| root.to_owned())),
            branch: branch.map(str::to_owned),
            remote: read(&common.join("config")).and_then(|config| origin(&config)),
        })
    }

    /// Whether it is a worktree beside the repository's own checkout.
    pub(in crate::daemon) fn is_worktree(&self) -> bool {
        self.root != self.main_root
    }
}

fn read(path: &Path) -> Option<String> {
    let bytes = files::read(path, MAX_BYTES).ok()??;
    String::from_utf8(bytes).ok()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Finds the address of `origin` in a repository's configuration.
fn origin(config: &str) -> Option<String> {
    let mut lines = config.lines().map(str::trim);
    lines.find(|line| *line == r#"[remote "origin"]"#)?;
    lines
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "url").then(|| value.trim().to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_branch_and_origin_in_the_files() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Checkout::of(dir.path()), None);
        let git = dir.path().join(".git");
        std::fs::create_dir(&git).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/feat/x\n").unwrap();
        std::fs::write(
            git.join("config"),
            "[core]\n\turl = no\n[remote \"origin\"]\n\turl = git@example.org:a/b.git\n[x]\n",
        )
        .unwrap();
        let below = dir.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let checkout = Checkout::of(&below).unwrap();
        assert_eq!(checkout.root, text(dir.path()));
        assert_eq!(checkout.branch.as_deref(), Some("feat/x"));
        assert_eq!(checkout.remote.as_deref(), Some("git@example.org:a/b.git"));
        assert!(!checkout.is_worktree());
    }
}
