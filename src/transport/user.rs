//! The names of this machine's users, for messages.

use std::fs;

/// Returns a user's name and id, or the id alone where the name is not in `/etc/passwd`.
pub(super) fn named(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name_in(&users, uid) {
        Some(name) => format!("{name} ({uid})"),
        None => format!("user {uid}"),
    }
}

fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_id() {
        let users = "root:x:0:0:root:/root:/bin/sh\n#\n::7:\nme:x:1000:1000::/home/me:/bin/sh\n";
        assert_eq!(name_in(users, 1000), Some("me"));
        assert_eq!(name_in(users, 0), Some("root"));
        assert_eq!(name_in(users, 7), None);
    }
}
