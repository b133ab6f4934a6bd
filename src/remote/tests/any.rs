//! Any file and any remote: nothing panics, and a change touches nothing else.

use proptest::prelude::*;

use super::*;

/// A file in pieces: what is above the first remote, then one piece per remote, its header included.
/// Each piece ends with a line end, and comments in it belong to it.
#[derive(Debug, Clone)]
struct Pieces {
    top: String,
    remotes: Vec<String>,
}

impl Pieces {
    fn text(&self) -> String {
        self.top.clone() + &self.remotes.concat()
    }
}

/// How a remote is written: long or short, what stands at the end of each line, a blank line first.
type Piece = (usize, Vec<(String, &'static str)>, bool);

fn pieces() -> impl Strategy<Value = Pieces> {
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let comment = "( *# ?[a-zäß\"'=\\[]{0,8})?";
    let piece = (
        1..4usize,
        proptest::collection::vec((comment, end.clone()), 8),
        any::<bool>(),
    );
    let crlf = any::<bool>();
    (proptest::collection::vec(piece, 1..5), comment, crlf).prop_map(|(list, top, crlf)| {
        let first = if crlf { "\r\n" } else { "\n" };
        let top = format!("{top}{first}version  =  1 # v{first}");
        let remote = |(n, (count, comments, spaced)): (usize, Piece)| {
            let mut comments = comments.into_iter();
            let mut line = |text: String| {
                let (comment, end) = comments.next().unwrap_or_default();
                format!(
                    "{text}{comment}{}",
                    if crlf && end.is_empty() { "\r\n" } else { end }
                )
            };
            let mut piece = String::new();
            if spaced {
                piece += &line(String::new());
            }
            piece += &line(format!("[remotes.r{n}]"));
            piece += &line("url   = 'h:1'".to_owned());
            piece += &line("tags = [ 'a',".to_owned());
            piece += &line("  'b' ]".to_owned());
            if count > 1 {
                let first = line(String::new()).replace('\'', "+");
                piece += &format!("description = '''x{first}");
                piece += &line("y'''".to_owned());
            }
            piece
        };
        let remotes = list.into_iter().enumerate().map(remote).collect();
        Pieces { top, remotes }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_change_leaves_every_other_byte(pieces in pieces(), pick in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let original = pieces.text();
        write(dir.path(), &original);
        let at = pick.index(pieces.remotes.len());
        let name = format!("r{at}");
        let before = pieces.top.clone() + &pieces.remotes[..at].concat();
        let after = pieces.remotes[at + 1..].concat();
        let edited = |change: &dyn Fn(&mut Edit)| {
            write(dir.path(), &original);
            let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
            change(&mut edit);
            edit.save().unwrap();
            text(dir.path())
        };

        prop_assert_eq!(edited(&|_| {}), original.clone());
        let added = edited(&|edit| edit.insert(&remote("new")).unwrap());
        prop_assert!(added.starts_with(&original), "{}", added);
        let renamed = edited(&|edit| edit.rename(&name, &"new".parse().unwrap()).unwrap());
        prop_assert_eq!(
            renamed,
            original.replace(&format!("[remotes.{name}]"), "[remotes.new]")
        );
        let set = edited(&|edit| edit.set(&name, "cwd", "/x".into()).unwrap());
        prop_assert!(set.starts_with(&before) && set.ends_with(&after), "{}", set);
        let changed = edited(&|edit| edit.set(&name, "url", "h:9".into()).unwrap());
        prop_assert_eq!(changed, before.clone() + &pieces.remotes[at].replace("'h:1'", "\"h:9\"") + &after);
        let default = edited(&|edit| edit.set_default(&name).unwrap());
        prop_assert!(default.ends_with(&pieces.remotes.concat()), "{}", default);
        let removed = edited(&|edit| drop(edit.remove(&name).unwrap()));
        // Of two equal lines either may be the one that stays, so their ends may be swapped.
        let lf = |text: &str| text.replace("\r\n", "\n");
        prop_assert_eq!(lf(&removed), lf(&before) + &lf(&after));
        if !original.contains("\r\n") || !original.replace("\r\n", "").contains('\n') {
            prop_assert_eq!(removed, before + &after);
        }
    }

    #[test]
    fn no_file_panics(text in "(?s)(version = [0-9]\n)?(\\[remotes\\.[a-z]\\]\n)?.{0,60}") {
        let _ = load(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn random_remotes_survive(
        name in "[a-km-z][A-Za-z0-9_.-]{0,62}",
        description in proptest::option::of(".{0,20}"),
        tags in proptest::collection::vec("[a-k0-9][a-z0-9_.-]{0,9}", 0..3),
        millis in proptest::option::of(1..86_400_000u64),
        cwd in proptest::option::of(".{0,20}"),
    ) {
        let options = Options {
            connect_timeout: millis.map(std::time::Duration::from_millis),
            persist: None,
            cwd,
            network: NetworkOptions::default(),
        };
        let remote = Remote { description, tags, options, dirs: Vec::new(), ..remote(&name) };
        let dir = tempfile::tempdir().unwrap();
        let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
        edit.insert(&remote).unwrap();
        edit.save().unwrap();
        let file = RemotesFile::load(Some(dir.path())).unwrap();
        prop_assert_eq!(file.get(&name), Ok(&remote));
    }
}
