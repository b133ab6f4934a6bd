//! The screen: what it looks like, and that the terminal is as it was afterwards.

use std::fmt::Write;
use std::io;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::model::{Mode, Model, Target};
use super::request::Viewed;
use super::rows::{Agent, Link, Remote, Row, rows};
use crate::commands::agent::ls::{age, below_home, short_id};
use crate::commands::permission::Asked;
use crate::output::{safe_line, styled, write_stdout};
use crate::tty::{Raw, size};

/// A terminal that does not tell its size has this one.
const USUAL: (u16, u16) = (80, 24);
/// Lines around the list.
const AROUND: usize = 3;
/// Widest name of a remote, in cells.
const NAME: usize = 16;

const KEYS: &str = "↑↓ choose  Enter attach  a answer  d deny  m message  s stop  q quit";

/// Returns the size of the screen: columns, rows.
pub(super) fn screen_size() -> (usize, usize) {
    let (cols, rows) = size().unwrap_or(USUAL);
    (cols.into(), rows.into())
}

/// The other screen of the terminal, in raw mode. Dropping it brings back what was there.
pub(super) struct Screen {
    raw: Raw,
}

impl Screen {
    /// Takes the terminal that is stdin and stdout.
    pub(super) fn enter() -> io::Result<Self> {
        let screen = Self {
            raw: Raw::enter(io::stdin())?,
        };
        screen.begin()?;
        Ok(screen)
    }

    fn begin(&self) -> io::Result<()> {
        write_stdout("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[H\u{1b}[J")
    }

    /// Gives the terminal to another program until [`Screen::again`].
    pub(super) fn leave(&self) {
        // A terminal that is gone needs nothing.
        let _ = write_stdout("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l");
        self.raw.pause();
    }

    /// Takes it back.
    pub(super) fn again(&self) -> io::Result<()> {
        self.raw.again()?;
        self.begin()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How it is painted.
pub(super) struct View<'a> {
    pub(super) color: bool,
    /// The home directory, for shorter paths.
    pub(super) home: &'a str,
}

impl View<'_> {
    /// Paints everything.
    pub(super) fn paint(
        &self,
        model: &Model,
        remotes: &[Remote],
        size: (usize, usize),
    ) -> io::Result<()> {
        let lines = self.lines(model, remotes, size);
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let _ = write!(text, "\u{1b}[{};1H{line}\u{1b}[K", index + 1);
        }
        write_stdout(&(text + "\u{1b}[J"))
    }

    /// Returns the lines, none of them wider or more than the size: columns, rows.
    fn lines(
        &self,
        model: &Model,
        remotes: &[Remote],
        (cols, most): (usize, usize),
    ) -> Vec<String> {
        if let Mode::Request(viewed) = &model.mode {
            return self.request(viewed, remotes, (cols, most));
        }
        let rows = rows(remotes);
        let cursor = model.cursor(&rows);
        let fit = most.saturating_sub(AROUND).max(1);
        let first = (cursor + 1).saturating_sub(fit);
        let widths = Widths::new(remotes, cols);
        let now = Timestamp::now();
        let bold = Style::new().bold();
        let mut lines = vec![
            styled(&cut(&summary(remotes, &rows), cols), bold, self.color),
            styled(&widths.line(HEADERS, "  ", cols), bold, self.color),
        ];
        for (index, row) in rows.iter().enumerate().skip(first).take(fit) {
            let mark = if index == cursor { "> " } else { "  " };
            let (text, style) = match row {
                Row::Agent(remote, agent) => {
                    let live = remotes[*remote].link == Link::Live;
                    let age = age(&agent.created_at, now);
                    let id = short_id(&agent.id);
                    let asks = agent.asks.as_ref().map(Asked::summary);
                    let cells = [
                        state(agent),
                        &remotes[*remote].name,
                        &id,
                        &agent.title,
                        &below_home(&agent.directory, self.home),
                        &age,
                        asks.as_deref().unwrap_or_default(),
                    ];
                    (widths.line(cells, mark, cols), style(agent, live))
                }
                Row::Remote(remote) => {
                    let Remote { name, link, .. } = &remotes[*remote];
                    let (state, why) = match link {
                        Link::Gone(why) => ("offline", why.as_str()),
                        _ => ("…", "not answered yet"),
                    };
                    let text = format!("{mark}{state:9}  {name}  {why}");
                    (cut(&text, cols), GREY)
                }
            };
            lines.push(styled(&text, style, self.color));
        }
        lines.resize(most.saturating_sub(1).max(lines.len()), String::new());
        lines.push(cut(&foot(&model.mode), cols));
        lines.truncate(most);
        lines
    }
}

impl View<'_> {
    /// Returns the lines of a request that somebody reads.
    fn request(
        &self,
        viewed: &Viewed,
        remotes: &[Remote],
        (cols, most): (usize, usize),
    ) -> Vec<String> {
        let Target { remote, agent } = &viewed.target;
        let remote = remotes.get(*remote).map_or("", |remote| &remote.name);
        let head = format!("{} asks: {}  {remote}", short_id(agent), viewed.asked.tool);
        let mut lines = vec![styled(&cut(&head, cols), Style::new().bold(), self.color)];
        lines.extend(viewed.page().iter().map(|line| cut(line, cols)));
        lines.resize(most.saturating_sub(1).max(lines.len()), String::new());
        let foot = match (viewed.left(), viewed.is_armed()) {
            (0, true) => format!("{} answers  Esc back", viewed.asked.chosen_by()),
            (0, false) => "…  Esc back".to_owned(),
            (left, _) => format!("{left} more lines: space shows them  Esc back"),
        };
        lines.push(cut(&foot, cols));
        lines.truncate(most);
        lines
    }
}

const HEADERS: [&str; 7] = [
    "STATE",
    "REMOTE",
    "AGENT",
    "TITLE",
    "DIRECTORY",
    "AGE",
    "WAITS FOR",
];

const GREY: Style = AnsiColor::BrightBlack.on_default();

fn state(agent: &Agent) -> &str {
    match agent.asks {
        Some(_) => "waits",
        None => &agent.state,
    }
}

fn style(agent: &Agent, live: bool) -> Style {
    match state(agent) {
        _ if !live => GREY,
        "waits" => AnsiColor::Yellow.on_default(),
        "running" => AnsiColor::Green.on_default(),
        "error" => AnsiColor::Red.on_default(),
        _ => Style::new(),
    }
}

fn summary(remotes: &[Remote], rows: &[Row<'_>]) -> String {
    let agents = rows.iter().filter_map(|row| match row {
        Row::Agent(_, agent) => Some(agent),
        Row::Remote(_) => None,
    });
    let waiting = agents.clone().filter(|agent| agent.asks.is_some()).count();
    let (count, agents) = (remotes.len(), agents.count());
    format!("paseo top  remotes: {count}  agents: {agents}  waiting: {waiting}")
}

fn foot(mode: &Mode) -> String {
    match mode {
        Mode::List => KEYS.to_owned(),
        Mode::Message(target, text) => {
            let id = short_id(&target.agent);
            // The end is what is being written.
            let skip = text.chars().count().saturating_sub(50);
            let end: String = text.chars().skip(skip).collect();
            format!("message to {id} (Enter sends, Esc leaves it): {end}_")
        }
        Mode::Stop(target) => format!("stop {}? y/n", short_id(&target.agent)),
        // It has the whole screen.
        Mode::Request(_) => String::new(),
    }
}

/// The widths of the columns, in cells.
struct Widths([usize; 7]);

impl Widths {
    fn new(remotes: &[Remote], cols: usize) -> Self {
        let names = remotes.iter().map(|remote| remote.name.width()).max();
        let name = names.unwrap_or(0).clamp(HEADERS[1].len(), NAME);
        let fixed = 2 + 9 + name + 7 + 15 + 2 * (HEADERS.len() - 1);
        let rest = cols.saturating_sub(fixed).max(24);
        Self([9, name, 7, rest / 3, rest / 3, 15, rest / 3])
    }

    fn line(&self, cells: [&str; 7], mark: &str, cols: usize) -> String {
        let mut line = mark.to_owned();
        for (text, width) in cells.into_iter().zip(self.0) {
            let text = cut(text, width);
            let blanks = width.saturating_sub(text.width()) + 2;
            line.push_str(&text);
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        cut(line.trim_end(), cols)
    }
}

/// Returns a text that is safe for the terminal, and no wider than so many cells.
fn cut(text: &str, width: usize) -> String {
    let text = safe_line(text, true);
    if text.width() <= width {
        return text.into_owned();
    }
    let (mut out, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(color: bool, size: (usize, usize)) -> Vec<String> {
        let agent = Agent::remembered("0123456789", "evil\u{1b}[2J\n宽宽宽".to_owned());
        let remote = |name: &str, link, agents| Remote {
            name: name.to_owned(),
            link,
            agents,
        };
        let remotes = [
            remote("work", Link::Live, vec![agent; 9]),
            remote("lab", Link::Gone("refused".to_owned()), vec![]),
        ];
        let view = View { color, home: "" };
        view.lines(&Model::new(), &remotes, size)
    }

    #[test]
    fn it_fits_and_nothing_of_others_moves_the_cursor() {
        for size in [(1, 1), (20, 4), (80, 24), (200, 8)] {
            let lines = lines(false, size);
            assert!(lines.len() <= size.1);
            for line in lines {
                assert!(line.width() <= size.0, "{line:?} {size:?}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn who_does_not_answer_is_one_grey_line() {
        let grey: Vec<_> = lines(true, (80, 24))
            .into_iter()
            .filter(|line| line.contains("\u{1b}[90m"))
            .collect();
        assert_eq!(grey.len(), 1);
        assert!(grey[0].contains("offline    lab  refused"), "{grey:?}");
    }
}
