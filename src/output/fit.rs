//! Tables on a terminal: columns shrink, and then go away, until every row fits on one line.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Column;

/// Narrowest width that a column shrinks to, in cells.
const NARROWEST: usize = 12;

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// Returns the columns that stay, left to right, each with its index and its width. `natural` holds the width of the
/// widest cell of each column, its header included; `room` is the width of the terminal.
pub(super) fn fit(columns: &[Column], natural: &[usize], room: usize) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = natural.iter().copied().enumerate().collect();
    let least = |&(index, width): &(usize, usize)| match (index, is_whole(columns[index].0)) {
        (_, true) => width,
        // It tells the rows apart.
        (0, false) => width.min(NARROWEST.max(room / 2)),
        (_, false) => width.min(NARROWEST.max(columns[index].0.width())),
    };
    while shown.len() > 1 && taken(shown.iter().map(least)) > room {
        match columns[shown[0].0].0 == "REMOTE" && columns[shown[1].0].0.ends_with("ID") {
            // The ids behind it begin with its name.
            true => drop(shown.remove(0)),
            false => drop(shown.pop()),
        }
    }
    while taken(shown.iter().map(|(_, width)| *width)) > room {
        let wide = shown.iter_mut().filter(|column| column.1 > least(column));
        match wide.max_by_key(|column| column.1) {
            Some(widest) => widest.1 -= 1,
            // One column is left, and it is wider than the terminal.
            None => break,
        }
    }
    shown
}

/// Returns the width of a row.
fn taken(widths: impl Iterator<Item = usize>) -> usize {
    widths
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// Returns whether a part of a cell is worth nothing: ids, fingerprints and addresses are copied.
fn is_whole(header: &str) -> bool {
    header.ends_with("ID") || header.ends_with("URL") || header == "FINGERPRINT"
}

/// Cuts a cell to a width. Of a path the end stays, of anything else the beginning.
pub(super) fn cut(text: &str, header: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    if !matches!(header, "CWD" | "PATH") {
        return text[..prefix(text.chars(), room)].to_owned() + "…";
    }
    let kept = prefix(text.chars().rev(), room);
    let end = &text[text.len() - kept..];
    // A whole directory, if one fits.
    format!("…{}", end.find('/').map_or(end, |at| &end[at..]))
}

/// Breaks text between its words, so that no line is wider than the terminal. Its first line begins at `offset`, and what
/// is broken off that goes on there. A word that is too long stays whole: it is copied.
pub(super) fn wrap(text: &str, offset: usize, room: usize) -> String {
    let mut out = String::new();
    for (number, line) in text.split('\n').enumerate() {
        let indent = if number == 0 { offset } else { 0 };
        if number > 0 {
            out.push('\n');
        }
        let width = room.saturating_sub(indent);
        if line.width() <= width || width < NARROWEST {
            out.push_str(line);
            continue;
        }
        let mut taken = 0;
        for word in line.split(' ') {
            let wide = word.width();
            if taken > 0 && taken + 1 + wide > width {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                taken = 0;
            } else if taken > 0 {
                out.push(' ');
                taken += 1;
            }
            out.push_str(word);
            taken += wide;
        }
    }
    out
}

/// Returns how many bytes of these characters fit in a width.
fn prefix(chars: impl Iterator<Item = char>, room: usize) -> usize {
    let (mut width, mut bytes) = (0, 0);
    for c in chars {
        width += c.width().unwrap_or(0);
        if width > room {
            break;
        }
        bytes += c.len_utf8();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column("AGENT ID", 0),
        Column("NAME", 0),
        Column("CWD", 0),
        Column("CREATED", 0),
    ];

    #[test]
    fn columns_shrink_and_then_the_last_ones_go() {
        for (room, expected) in [
            (200, vec![8, 60, 40, 14]),
            (128, vec![8, 60, 40, 14]),
            (110, vec![8, 42, 40, 14]),
            (100, vec![8, 36, 36, 14]),
            (80, vec![8, 26, 26, 14]),
            (60, vec![8, 16, 16, 14]),
            (50, vec![8, 12, 12, 12]),
            (49, vec![8, 19, 18]),
            (36, vec![8, 12, 12]),
            (24, vec![8, 14]),
            (21, vec![8]),
            (5, vec![8]),
        ] {
            let shown = fit(&COLUMNS, &[8, 60, 40, 14], room);
            let widths: Vec<usize> = shown.iter().map(|(_, width)| *width).collect();
            assert_eq!(widths.len(), expected.len(), "{room}: {widths:?}");
            assert!(
                taken(widths.iter().copied()) <= room || room < 8,
                "{room}: {widths:?}"
            );
            assert_eq!(
                widths.iter().sum::<usize>(),
                expected.iter().sum::<usize>(),
                "{room}: {widths:?}"
            );
        }
        // An id of a remote has its name.
        let remotes = [
            Column("REMOTE", 0),
            Column("AGENT ID", 0),
            Column("NAME", 0),
        ];
        assert_eq!(fit(&remotes, &[30, 38, 50], 80), [(1, 38), (2, 40)]);
        assert_eq!(fit(&remotes, &[6, 14, 50], 80)[0], (0, 6));
        // What tells the rows apart shrinks to a half; nothing else is cut for it.
        let named = [Column("NAME", 0), Column("BRANCH", 0)];
        assert_eq!(fit(&named, &[200, 10], 80), [(0, 68), (1, 10)]);
        assert_eq!(fit(&[Column("NAME", 0)], &[200], 80).len(), 1);
    }

    #[test]
    fn text_breaks_between_its_words() {
        for (text, offset, room, expected) in [
            ("short", 4, 40, "short"),
            ("one two three four", 4, 16, "one two\n    three four"),
            (
                "one two\nthree four five six",
                4,
                16,
                "one two\nthree four five\nsix",
            ),
            (
                "averyveryverylongword and more",
                0,
                12,
                "averyveryverylongword\nand more",
            ),
            ("日本 語日本語 日本", 2, 16, "日本 語日本語\n  日本"),
            ("no room to break", 30, 32, "no room to break"),
            ("", 4, 16, ""),
        ] {
            assert_eq!(wrap(text, offset, room), expected, "{text}");
        }
    }

    #[test]
    fn a_cell_is_cut_by_cells_and_a_path_at_its_beginning() {
        for (text, header, width, expected) in [
            ("short", "NAME", 8, "short"),
            ("a long title", "NAME", 6, "a lon…"),
            ("日本語の題", "NAME", 6, "日本…"),
            ("/home/me/src/project", "CWD", 12, "…/project"),
            ("/home/me/src/project", "PATH", 14, "…/src/project"),
            ("/home/me/averylongname", "CWD", 8, "…ongname"),
            ("~/日本語", "CWD", 7, "…日本語"),
            ("", "NAME", 0, ""),
            ("ab", "NAME", 1, "…"),
            ("ab", "NAME", 2, "ab"),
        ] {
            assert_eq!(cut(text, header, width), expected);
        }
    }
}
