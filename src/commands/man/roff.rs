//! The Markdown of our own documents as roff (groff_man(7)): headings, paragraphs, lists, tables, code. It is
//! no general reader: a test shows every page of ours to groff.

use std::fmt::Write;

/// Makes a page of a document. The first heading is its title.
pub(super) fn page(title: &str, section: u8, name: &str, markdown: &str) -> String {
    let mut lines = markdown.lines();
    let about = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches(['#', ' ']);
    let mut out = format!(
        ".TH {title} {section} \"\" \"paseo {}\"\n.SH NAME\n{name} \\- {}\n.SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION"),
        text(about).to_lowercase()
    );
    let (mut code, mut open) = (false, false);
    for line in lines {
        if line.starts_with("```") {
            code = !code;
            out.push_str(if code {
                ".PP\n.in +4n\n.nf\n"
            } else {
                ".fi\n.in\n"
            });
        } else if code {
            let _ = writeln!(out, "{}", escaped(line));
        } else if let Some(heading) = line.strip_prefix("## ") {
            let _ = writeln!(out, ".SH {}", text(heading).to_uppercase());
        } else if let Some(row) = line.strip_prefix('|') {
            table_row(&mut out, row);
        } else if let Some(item) = line.strip_prefix("- ") {
            let _ = writeln!(out, ".IP \\(bu 2\n{}", text(item));
        } else if line.trim().is_empty() {
            open = false;
            continue;
        } else {
            if !open {
                out.push_str(".PP\n");
            }
            let _ = writeln!(out, "{}", text(line.trim_start()));
            open = true;
            continue;
        }
        open = false;
    }
    out
}

/// A row of two cells is a term and its meaning; the line of hyphens below the header is nothing.
fn table_row(out: &mut String, row: &str) {
    let cells: Vec<&str> = row
        .trim_end_matches('|')
        .splitn(2, " | ")
        .map(str::trim)
        .collect();
    match cells[..] {
        [one] if one.starts_with('-') => {}
        [term, meaning] if !meaning.starts_with("---") => {
            let _ = writeln!(out, ".TP\n{}\n{}", text(term), text(meaning));
        }
        [one] => {
            let _ = writeln!(out, ".PP\n{}", text(one));
        }
        _ => {}
    }
}

/// A line of words: `code` and **strong** are bold, [links](…) are their words.
fn text(line: &str) -> String {
    let mut out = String::new();
    let (mut bold, mut code) = (false, false);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let strong = !code && rest.starts_with("**");
        if first == '`' || strong {
            code ^= first == '`';
            bold = !bold;
            out.push_str(if bold { "\\fB" } else { "\\fR" });
            rest = &rest[if strong { 2 } else { 1 }..];
        } else if let Some((words, after)) = link(rest).filter(|_| !code) {
            out.push_str(&marked(words));
            rest = after;
        } else {
            let length = first.len_utf8();
            out.push_str(&marked(&rest[..length]));
            rest = &rest[length..];
        }
    }
    if bold {
        out.push_str("\\fR");
    }
    // A line must not begin with a request.
    match out.starts_with(['.', '\'']) {
        true => format!("\\&{out}"),
        false => out,
    }
}

/// Splits `[words](target) after`.
fn link(text: &str) -> Option<(&str, &str)> {
    let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (_, after) = rest.split_once(')')?;
    (!words.contains(['[', ']'])).then_some((words, after))
}

/// Marks what has a meaning anywhere in a line.
fn marked(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

fn escaped(text: &str) -> String {
    let escaped = marked(text);
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_markdown() {
        let page = page(
            "X",
            5,
            "x",
            "# A title\n\nWords, `code` and [a link](y).\n\n## Keys\n\n| key | meaning |\n|---|---|\n| `a` | b-c |\n\n```toml\n.x = 1\n```\n",
        );
        for part in [
            "x \\- a title",
            ".PP\nWords, \\fBcode\\fR and a link.\n",
            ".SH KEYS\n",
            ".TP\n\\fBa\\fR\nb\\-c\n",
            ".nf\n\\&.x = 1\n.fi\n",
        ] {
            assert!(page.contains(part), "{part:?} is not in:\n{page}");
        }
        assert!(!page.contains("---"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(markdown in "(?s).{0,120}") {
            let _ = page("X", 1, "x", &markdown);
        }
    }
}
